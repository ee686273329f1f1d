# SPDX-License-Identifier: MIT
"""tcod (libtcod): noise, fields of view, paths, consoles over NumPy arrays, and
callbacks from C (heuristics, cost functions)."""

IMPORTS = ["tcod", "tcod.noise", "tcod.path", "tcod.bsp", "tcod.random"]


def work(say, scratch):
    import numpy
    import tcod
    noise = tcod.noise.Noise(2, seed=7, octaves=4, hurst=0.6)
    grid = noise[tcod.noise.grid((40, 30), scale=0.2)]
    say("noise", numpy.round(grid, 5).tobytes())
    open_ = (grid > -0.4)
    say("field of view", tcod.map.compute_fov(open_, (15, 20), radius=9).tobytes())
    cost = (1 + abs(grid) * 6).astype(numpy.int8)
    path = tcod.path.AStar(cost)
    say("path", path.get_path(1, 1, 28, 38))
    graph = tcod.path.SimpleGraph(cost=cost, cardinal=2, diagonal=3)
    finder = tcod.path.Pathfinder(graph)
    finder.add_root((0, 0))
    finder.resolve()
    say("distance", finder.distance.tobytes())
    say("path to", finder.path_to((29, 39)).tolist())
    distance = tcod.path.maxarray((30, 40), dtype=numpy.int32)
    distance[3, 4] = 0
    tcod.path.dijkstra2d(distance, cost, 2, 3, out=distance)
    say("dijkstra", distance.tobytes())
    edge = tcod.path.EdgeCostCallback(lambda x0, y0, x1, y1: 1 + (x1 * y1) % 3, (12, 12))
    say("by a callback", tcod.path.AStar(edge).get_path(0, 0, 11, 11))
    rng = tcod.random.Random(tcod.random.MERSENNE_TWISTER, seed=42)
    say("random", [rng.randint(0, 1000) for _ in range(20)])
    say("uniform", [round(rng.uniform(0, 1), 6) for _ in range(5)])
    console = tcod.console.Console(20, 5, order="F")
    console.print(1, 1, "jiffi \u00e9", fg=(255, 200, 0))
    say("console", str(console))
    console.draw_rect(0, 0, 5, 5, ord("#"), bg=(0, 0, 99))
    say("cells", (console.ch.tobytes(), console.bg.tobytes()))
    tree = tcod.bsp.BSP(0, 0, 40, 30)
    tree.split_recursive(4, 5, 5, 1.5, 1.5, seed=rng)
    say("bsp", [(n.x, n.y, n.width, n.height) for n in tree.pre_order()])
    for _ in range(100):
        tcod.path.AStar(cost).get_path(1, 1, 5, 5)
