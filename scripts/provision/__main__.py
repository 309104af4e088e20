"""`python -m scripts.provision engine|images|node|packages GROUP…|down`: the parts of provisioning, one by one.

`engine` and `images` print the engine's address, as DOCKER_HOST takes it, alone on stdout.
"""

import sys
from collections.abc import Sequence

from scripts.provision import packages
from scripts.provision.engine import ensure_engine, stop_engine
from scripts.provision.images import ensure_images
from scripts.provision.node import ensure_node_programs
from scripts.provision.say import ProvisionError, say


def main(arguments: Sequence[str]) -> int:
    match list(arguments):
        case ["engine"]:
            print(ensure_engine().host)
        case ["images"]:
            engine = ensure_engine()
            ensure_images(engine)
            print(engine.host)
        case ["node"]:
            ensure_node_programs()
        case ["packages", *groups] if groups and set(groups) <= set(packages.GROUPS):
            packages.ensure([name for group in groups for name in packages.GROUPS[group]], why=" and ".join(groups))
        case ["down"]:
            stop_engine()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ProvisionError as error:
        say(str(error))
        sys.exit(1)
