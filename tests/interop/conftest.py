import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../integration"))

from kit.fixtures import *  # noqa: E402, F401, F403
