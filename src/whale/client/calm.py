"""The short way of a keystroke and its echo, for as long as nothing else happens.

A terminal's session is this nearly all of the time, and every key comes after a pause in which the processor's caches
were somebody else's: what a key costs is how much of the program it touches. So while all is calm only three things
are waited for and nothing is worked out anew. Whatever is out of the ordinary is left as it is, for the loop to find.
"""

import select
import time

from whale.client.conversation import Conversation
from whale.client.inlet import Inlet
from whale.client.silence import NEVER, QUIET
from whale.client.user import User


def serve_keys(conversation: Conversation, user: User, inlet: Inlet) -> bool:
    """Pass keys and output on until something else is to be done. Raises what `User` and `Conversation` raise.

    False when that something waits to be found by the loop; true when it has been done, and may have changed all.
    """
    link, due = conversation.link, conversation.due
    awaited = [link.descriptor, inlet.descriptor, user.inbox.descriptor, *conversation.watched]
    while conversation.is_calm and not link.queued and not inlet.is_ended:
        # Somebody who types on without any echo is no reason not to ask whether the server is there.
        patience = min(due, link.awaiting + QUIET) - time.monotonic()
        if patience <= 0:
            return False
        ready, _, _ = select.select(awaited, (), (), patience if patience < NEVER else None)
        if not ready:
            return False
        for descriptor in ready:
            if descriptor == link.descriptor:
                conversation.receive()
            elif descriptor == inlet.descriptor:
                user.read_input()
            else:
                return False
    return True
