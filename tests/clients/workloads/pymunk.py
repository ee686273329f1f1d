# SPDX-License-Identifier: MIT
"""pymunk: a physical simulation with callbacks out of the solver, queries, copies."""

IMPORTS = ["pymunk", "pymunk.autogeometry"]


def work(say, scratch):
    import pymunk
    space, boxes, seen = world(pymunk)
    for _ in range(240):
        space.step(1 / 60)
    say("positions", [(round(b.position.x, 9), round(b.position.y, 9), round(b.angle, 9))
                      for b in boxes])
    say("collisions", (len(seen), seen[:5]))
    say("energy", [round(b.kinetic_energy, 6) for b in boxes])
    say("point", [(round(q.distance, 6), round(q.point.x, 6))
                  for q in space.point_query((0, 10), 60, pymunk.ShapeFilter())])
    hit = space.segment_query_first((-500, 15), (500, 15), 1, pymunk.ShapeFilter())
    say("segment", hit and (round(hit.alpha, 9), round(hit.normal.x, 6)))
    say("box", len(space.bb_query(pymunk.BB(-100, 0, 100, 100), pymunk.ShapeFilter())))
    twin = space.copy()
    for s in (space, twin):
        for _ in range(30):
            s.step(1 / 60)
    say("copy", sorted(round(b.position.y, 6) for b in twin.bodies)
        == sorted(round(b.position.y, 6) for b in space.bodies))
    poly = pymunk.Poly(None, [(0, 0), (4, 0), (4, 3), (0, 3)])
    say("polygon", (poly.area, poly.center_of_gravity, poly.get_vertices()))
    say("hull", pymunk.autogeometry.to_convex_hull(
        [(0, 0), (1, 3), (5, 5), (2, 2), (6, 0)], 0.1))
    for _ in range(50):
        world(pymunk)


def world(pymunk):
    seen = []
    space = pymunk.Space()
    space.gravity = 0, -900
    ground = pymunk.Segment(space.static_body, (-500, 0), (500, 0), 2)
    ground.friction, ground.elasticity, ground.collision_type = 0.8, 0.3, 1
    space.add(ground)
    boxes = []
    for i in range(20):
        body = pymunk.Body(1 + i / 10, pymunk.moment_for_box(1, (10, 10)))
        body.position, body.angular_velocity = (i % 5 * 12, 40 + i * 13), i / 7
        shape = pymunk.Poly.create_box(body, (10, 10))
        shape.friction, shape.collision_type = 0.5, 2
        space.add(body, shape)
        boxes.append(body)
    first, last = boxes[0], boxes[-1]
    space.add(pymunk.DampedSpring(first, last, (0, 0), (0, 0), 30, 40, 0.5))
    last.velocity_func = lambda body, gravity, damping, dt: pymunk.Body.update_velocity(
        body, (0, -100), damping, dt)

    def begin(arbiter, space, data):
        if arbiter.is_first_contact and len(arbiter.contact_point_set.points):
            seen.append(round(arbiter.contact_point_set.normal.y, 6))
        return True

    if hasattr(space, "on_collision"):
        space.on_collision(1, 2, begin=begin)
    else:
        space.add_collision_handler(1, 2).begin = begin
    return space, boxes, seen
