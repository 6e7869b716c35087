#!/usr/bin/env python3
"""Count what `go test -json` says: count.py [--exit CODE] FILE

Prints the output of what failed or was skipped, and as its last line 'N passed, N failed'. A test with subtests counts
by its subtests, and on its own only if it failed while all of them passed. A package that did not build, panicked or ran
out of time counts as a failure, and so does an exit code of go test that no failure explains.
"""

import collections
import json
import sys


def events(path):
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                print("not from a test: " + line.rstrip())


def parents(test):
    parts = test.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def main(args):
    code = 0
    if args[:1] == ["--exit"]:
        code, args = int(args[1]), args[2:]
    if len(args) != 1:
        sys.exit(__doc__)
    ended, output, started = {}, collections.defaultdict(list), set()
    packages = {}
    for e in events(args[0]):
        package, test, action = e.get("Package") or e.get("ImportPath", "").split(" ")[0], e.get("Test", ""), e["Action"]
        key = (package, test)
        if action in ("output", "build-output"):
            output[key].append(e["Output"])
        elif action == "run":
            started.add(key)
        elif action in ("pass", "fail", "skip", "build-fail"):
            if test:
                ended[key] = action
                if action == "pass":
                    output.pop(key, None)
            else:
                packages[package] = action
    for key in started - ended.keys():
        ended[key] = "fail"  # the process ended in the middle of it
    inner = {(package, up) for package, test in ended for up in parents(test)}
    failing = {(package, up) for (package, test), how in ended.items() if how == "fail" for up in parents(test)}
    failed = [k for k, how in ended.items() if how == "fail" and k not in failing]
    passed = [k for k, how in ended.items() if how == "pass" and k not in inner]
    skipped = [k for k, how in ended.items() if how == "skip"]
    told = {package for package, _ in failed}
    for package, how in packages.items():
        if how in ("fail", "build-fail") and package not in told:
            failed.append((package, ""))
    if code and not failed:
        failed.append(("go test", "ended with code %d and named no failure" % code))
    for package, test in sorted(failed):
        print("--- FAIL %s %s" % (package, test))
        lines = "".join(output.get((package, test), [])).splitlines()
        print("\n".join("    " + line for line in lines[-150:]))
    for package, test in sorted(skipped):
        print("--- SKIP %s %s: %s" % (package, test, " ".join("".join(output[(package, test)]).split())[:200]))
    print("%d passed, %d failed" % (len(passed), len(failed)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
