# Runs the test functions of one module, on MicroPython or CPython, without pytest.
# MIT license; part of microevse
"""usage: micropython run.py test_module

Prints one line for each failure and at the end `N passed, N failed`; exit status 1 if any.
"""

import sys

import skipped_time

skipped_time.install()  # before the code under test takes functions of `time`


def main(name):
    module = __import__(name)
    passed = failed = 0
    for test in sorted(dir(module)):
        fn = getattr(module, test)
        if not test.startswith("test_") or not callable(fn):
            continue
        try:
            fn()
            passed += 1
        except Exception as exc:
            failed += 1
            print("FAILED", name + "." + test)
            if hasattr(sys, "print_exception"):
                sys.print_exception(exc)
            else:
                import traceback

                traceback.print_exception(type(exc), exc, exc.__traceback__)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
