"""What tests of the installed packages share; see tests/tool/deb-check.sh."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../integration"))
