"""`python -m whale.screen`: started by a server, with a socket. Nobody else has a use for it."""

import sys

from whale.screen.process import main

if __name__ == "__main__":
    sys.exit(main())
