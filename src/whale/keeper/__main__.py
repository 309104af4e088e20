"""`python -m whale.keeper`: started by a server, with descriptors. Nobody else has a use for it."""

import sys

from whale.keeper.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
