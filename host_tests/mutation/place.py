# A mutant in place of its file, in this process and in the ones it starts.
# MIT license; part of microevse
"""`in_memory` serves imports of this process. `on_disk` serves programs that read files: the
firmware on MicroPython. Both are called in a child process that ends with the trial; nothing in
the repository is written to."""

import ast
import builtins
import functools
import importlib.machinery
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("firmware", "lib")


class _Loader(importlib.machinery.SourceFileLoader):
    source = None

    def get_code(self, fullname):
        return compile(self.source(), self.path, "exec", dont_inherit=True)


class _Finder:
    def __init__(self, sources):
        self._sources = sources

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin not in self._sources:
            return None
        spec.loader = _Loader(name, spec.origin)
        spec.loader.source = self._sources[spec.origin]
        return spec


def in_memory(path, text):
    """From now on importing ROOT / path runs `text`, under whatever name."""
    sys.meta_path.insert(0, _Finder({str(ROOT / path): lambda: text}))


def marked(paths, mark):
    """From now on these files call `mark((path, line))` as each of their functions begins, with
    its first line, and with 0 as they are imported."""
    # A name that every module has without an import.
    builtins.mark_of_mutation = mark
    sources = {str(ROOT / path): functools.partial(_with_marks, path) for path in paths}
    sys.meta_path.insert(0, _Finder(sources))


def _with_marks(path):
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        line = 0
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            line = min(part.lineno for part in (node, *node.decorator_list))
        elif node is not tree:
            continue
        [call] = ast.parse("mark_of_mutation((%r, %d))" % (path, line)).body
        node.body.insert(1 if ast.get_docstring(node) is not None else 0, call)
    return tree


def overlay(folder, path, text):
    """Fill `folder` with firmware/ and lib/ as they are, links, but for `path`."""
    folder = pathlib.Path(folder)
    for name in FOLDERS:
        _link(ROOT / name, folder / name, ROOT / path)
    (folder / path).write_text(text)


def _link(source, target, changed):
    target.mkdir(parents=True)
    for entry in source.iterdir():
        if entry == changed or entry.name == "__pycache__":
            continue
        if entry in changed.parents:
            _link(entry, target / entry.name, changed)
        else:
            os.symlink(entry, target / entry.name)


def on_disk(folder, path, text):
    """From now on the virtual board and MicroPython run an overlay made in `folder`."""
    overlay(folder, path, text)
    import tools_paths
    from twin import host

    places = {str(ROOT / name): os.path.join(folder, name) for name in FOLDERS}
    tools_paths.FIRMWARE_DIRS = tuple(places[str(p)] for p in tools_paths.FIRMWARE_DIRS)
    before = host.Twin.__init__

    def init(self, *args, **options):
        options["compiled"] = None  # that would be the files as they are
        before(self, *args, **options)
        self._firmware = [places.get(place, place) for place in self._firmware]

    host.Twin.__init__ = init
