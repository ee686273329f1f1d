# SPDX-License-Identifier: MIT
"""xcffib: the X protocol's messages packed and unpacked; with an X server (Xvfb)
windows, properties, events, errors from the server."""

IMPORTS = ["xcffib", "xcffib.xproto"]


def work(say, scratch):
    import shutil

    import xcffib
    import xcffib.xproto as x
    say("event", event(xcffib, x))
    say("packed", x.TIMECOORD.synthetic(1, 2, 3).pack())
    try:
        xcffib.connect(":4711")
    except xcffib.ConnectionException as e:
        say("no server", "%s: %s" % (type(e).__name__, e))
    if shutil.which("Xvfb"):
        from . import xserver
        with xserver.display() as name:
            server(say, xcffib, x, name)
    for _ in range(1000):
        event(xcffib, x)


def event(xcffib, x):
    raw = x.KeyPressEvent.synthetic(38, 12345, 1, 2, 3, 10, 20, 30, 40, 5, 1).pack()
    back = x.KeyPressEvent(xcffib.MemoryUnpacker(raw))
    return raw.hex(), back.detail, back.time, back.event_x, back.same_screen


def server(say, xcffib, x, name):
    connection = xcffib.connect(display=name)
    screen = connection.get_setup().roots[connection.pref_screen]
    say("screen", (screen.width_in_pixels, screen.height_in_pixels, screen.root_depth))
    core, window = connection.core, connection.generate_id()
    core.CreateWindow(screen.root_depth, window, screen.root, 10, 20, 300, 200, 2,
                      x.WindowClass.InputOutput, screen.root_visual,
                      x.CW.BackPixel | x.CW.EventMask,
                      [screen.white_pixel, x.EventMask.StructureNotify
                       | x.EventMask.PropertyChange])
    core.MapWindow(window)
    reply = core.GetGeometry(window).reply()
    say("geometry", (reply.x, reply.y, reply.width, reply.height, reply.border_width))
    cookies = [core.InternAtom(False, len(n), n) for n in ("ONE_%d" % i for i in range(50))]
    atoms = [c.reply().atom for c in cookies]
    say("atoms", (len(set(atoms)), [bytes(core.GetAtomName(a).reply().name.raw)
                                    for a in atoms[:3]]))
    core.ChangeProperty(x.PropMode.Replace, window, atoms[0], x.Atom.STRING, 8, 5, b"hello")
    core.ChangeProperty(x.PropMode.Replace, window, atoms[1], x.Atom.CARDINAL, 32, 3,
                        [1, 2, 3])
    say("properties", [bytes(core.GetProperty(False, window, a, x.GetPropertyType.Any, 0,
                                              100).reply().value.raw).hex()
                       for a in atoms[:2]])
    core.ConfigureWindow(window, x.ConfigWindow.Width | x.ConfigWindow.Height, [111, 99])
    core.GetInputFocus().reply()
    events = []
    while True:
        e = connection.poll_for_event()
        if e is None:
            break
        events.append(type(e).__name__)
    say("events", events)
    try:
        core.GetGeometry(1).reply()
    except xcffib.xproto.DrawableError as e:
        say("error", "%s %s" % (type(e).__name__, getattr(e, "bad_value", None)))
    try:
        core.MapWindowChecked(2).check()
    except xcffib.xproto.WindowError as e:
        say("checked", type(e).__name__)
    connection.disconnect()
