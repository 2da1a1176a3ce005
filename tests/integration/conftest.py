import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from kit.fixtures import *  # noqa: E402, F401, F403

# To change users takes root.
collect_ignore = [] if os.getuid() == 0 else ["test_gaff_run.py"]
