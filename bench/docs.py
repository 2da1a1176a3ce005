"""Put the last run into docs/BENCHMARKS.md."""

import os
import sys

import prepare

PAGE = os.path.join(prepare.ROOT, "docs/BENCHMARKS.md")
MARK = "<!-- what follows is written by `make docs/BENCHMARKS.md` -->\n"


def main():
    with open(PAGE) as f:
        before = f.read().partition(MARK)[0]
    try:
        with open(os.path.join(prepare.OUT, "results.md")) as f:
            text = f.read()
    except FileNotFoundError:
        sys.exit("there is no run yet: make bench")
    # its parts stand below a heading of the page
    lines = ["#" + line if line.startswith("#") else line
             for line in text.split("\n")]
    with open(PAGE, "w") as f:
        f.write(before + MARK + "\n" + "\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
