# SPDX-License-Identifier: MIT
"""A small library of functions that misuse what they get, compiled once per process."""

import atexit
import os
import shutil
import subprocess
import tempfile

CDEF = """
struct node { int value; struct node *next; const int *ro; const int fixed; int row[3];
              unsigned bits : 5; };
struct base { int id; double x; };
struct derived { struct base base; char tail[4]; };
struct pair { int *a; int *b; };
typedef const int *readonly;
void fill(char *p, int n);
void fill_at(char *p, int at, int n);
void fill_node(struct node *n, int count);
int sum_nodes(struct node *n);
int sum(int *p, int n) __attribute__((access(read_only, 1, 2)));
int *itself(int *p);
const int *itself_const(int *p);
struct pair pair_of(int *a, int *b);
void store(struct node *to, struct node *next);
int call(int (*f)(int *), int *p);
extern int shared[4];
"""

SOURCE = r"""
#include <string.h>
struct node { int value; struct node *next; const int *ro; const int fixed; int row[3];
              unsigned bits : 5; };
struct pair { int *a; int *b; };
void fill(char *p, int n) { for (int i = 0; i < n; i++) p[i] = 'x'; }
void fill_at(char *p, int at, int n) { memset(p + at, 'y', (size_t)n); }
void fill_node(struct node *n, int count) { memset(n->row, 1, (size_t)count); }
int sum_nodes(struct node *n) { int s = 0; for (; n; n = n->next) s += n->value; return s; }
int sum(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i]; return s; }
int *itself(int *p) { return p; }
const int *itself_const(int *p) { return p; }
struct pair pair_of(int *a, int *b) { struct pair p = {a, b}; return p; }
void store(struct node *to, struct node *next) { to->next = next; }
int call(int (*f)(int *), int *p) { return f(p); }
int shared[4] = {1, 2, 3, 4};
"""

_path = None


def library():
    """The path of the compiled library."""
    global _path
    if _path is None:
        directory = tempfile.mkdtemp(prefix="jiffi-checked-")
        atexit.register(shutil.rmtree, directory, True)
        source = os.path.join(directory, "misuse.c")
        with open(source, "w") as f:
            f.write(SOURCE)
        _path = os.path.join(directory, "libmisuse.so")
        subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-fPIC", "-O1",
                        "-fno-builtin", "-o", _path, source], check=True)
    return _path
