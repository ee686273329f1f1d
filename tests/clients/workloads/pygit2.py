# SPDX-License-Identifier: MIT
"""pygit2: a repository is made, written, merged, cloned (callbacks from libgit2),
walked, blamed and compared."""

IMPORTS = ["pygit2"]


def work(say, scratch):
    import os

    import pygit2
    pygit2.settings.search_path[pygit2.enums.ConfigLevel.GLOBAL] = scratch
    path = os.path.join(scratch, "first")
    repo = pygit2.init_repository(path, initial_head="main")
    who = pygit2.Signature("A \u00dc Thor", "a@example.org", 1600000000, 120)
    ids = []
    for i in range(25):
        name = "file%d.txt" % (i % 4)
        with open(os.path.join(path, name), "a") as f:
            f.write("line %d\n" % i)
        repo.index.add(name)
        repo.index.write()
        parents = [ids[-1]] if ids else []
        ids.append(repo.create_commit("refs/heads/main", who, who, "commit %d\n" % i,
                                      repo.index.write_tree(), parents))
    say("head", str(repo.head.target))
    say("log", [(str(c.id), c.message.strip(), c.author.name) for c in repo.walk(
        repo.head.target, pygit2.enums.SortMode.TOPOLOGICAL)])
    diff = repo.diff(str(ids[3]), str(ids[20]))
    say("diff", diff.patch)
    say("stats", (diff.stats.insertions, diff.stats.deletions, diff.stats.files_changed))
    blame = repo.blame("file1.txt")
    say("blame", [(str(h.final_commit_id), h.lines_in_hunk) for h in blame])
    branches(say, pygit2, repo, who, ids)
    clone(say, pygit2, repo, scratch)
    config = repo.config
    config["jiffi.number"], config["jiffi.text"] = 42, "v\u00e4lue"
    say("config", (config.get_int("jiffi.number"), config["jiffi.text"],
                   sorted(x.name for x in config if x.name.startswith("jiffi"))))
    say("status", repo.status())
    say("describe", repo.describe(describe_strategy=pygit2.enums.DescribeStrategy.ALL))
    for wrong in (lambda: repo["0" * 40], lambda: pygit2.Repository(scratch + "/none"),
                  lambda: repo.lookup_reference("refs/heads/none"),
                  lambda: config["no.such"], lambda: repo.remotes["none"],
                  lambda: repo.blame("none.txt")):
        try:
            wrong()
        except Exception as e:
            say("error", "%s: %s" % (type(e).__name__, str(e).replace(scratch, "")))


def branches(say, pygit2, repo, who, ids):
    side = repo.create_branch("side", repo[ids[10]])
    repo.checkout(side, strategy=pygit2.enums.CheckoutStrategy.FORCE)
    blob = repo.create_blob(b"from the side\n" * 100)
    builder = repo.TreeBuilder(repo[ids[10]].tree)
    builder.insert("side.txt", blob, pygit2.enums.FileMode.BLOB)
    other = repo.create_commit("refs/heads/side", who, who, "side\n", builder.write(),
                               [ids[10]])
    repo.checkout("refs/heads/main", strategy=pygit2.enums.CheckoutStrategy.FORCE)
    say("analysis", [int(x) for x in repo.merge_analysis(other)])
    merged = repo.merge_trees(*(repo[i].tree for i in (ids[10], ids[-1], other)))
    say("merged", (str(merged.write_tree(repo)), merged.conflicts))
    say("base", str(repo.merge_base(repo.head.target, other)))
    say("ahead", repo.ahead_behind(repo.head.target, other))
    index = repo.cherrypick(other)
    say("index", [(e.path, str(e.id)) for e in repo.index][-2:] + [index])
    repo.reset(repo.head.target, pygit2.enums.ResetMode.HARD)
    say("branches", (sorted(repo.branches.local), str(other)))


def clone(say, pygit2, repo, scratch):
    seen, sideband = [], []  # how often there is progress depends on the time

    class Callbacks(pygit2.RemoteCallbacks):
        def sideband_progress(self, text):
            sideband.append(text)

        def transfer_progress(self, stats):
            sideband.append(stats.total_objects)

        def update_tips(self, name, old, new):
            seen.append((name, str(new)))

    path = scratch + "/second"
    second = pygit2.clone_repository("file://" + repo.path, path, callbacks=Callbacks())
    say("cloned", str(second.head.target))
    say("callbacks", (len(sideband) > 1, seen))
    remote = second.remotes["origin"]
    say("refspecs", [(r.src, r.dst, r.force) for r in (
        remote.get_refspec(i) for i in range(remote.refspec_count))])
    say("fetch", remote.fetch(callbacks=Callbacks()).received_objects)
    second.remotes.create("again", repo.path)
    second.remotes["again"].fetch(["+refs/heads/*:refs/remotes/again/*"])
    say("remotes", sorted(b for b in second.branches.remote))

    class Failing(pygit2.RemoteCallbacks):
        def update_tips(self, name, old, new):
            raise RuntimeError("from the callback")

    try:
        second.remotes.create("third", repo.path).fetch(callbacks=Failing())
    except RuntimeError as e:
        say("raised in a callback", str(e))
