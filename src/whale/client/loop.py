"""The loop of a session: one `select` between the server, the user, the signals and the outputs.

Nothing here waits for one of them while another wants something: a stalled output stops neither the answers to
heartbeats nor the escape keys.
"""

import select

from whale.client.calm import serve_keys
from whale.client.conversation import Conversation
from whale.client.user import User


def run_loop(conversation: Conversation, user: User) -> int:
    """Run until the session is over; return the command's exit status.

    Raises what ended it otherwise: a `WhaleError`, `Interrupted`, or `BrokenPipeError` when nobody reads the output.
    """
    # What came with the handshake's answer makes no descriptor ready.
    conversation.receive()
    while not conversation.is_over:
        inlet = user.inlet
        is_calm = inlet is not None and user.is_typing and conversation.calm_down()
        if inlet is None or not is_calm or not serve_keys(conversation, user, inlet):
            conversation.disturb()
            _turn(conversation, user)
    return conversation.finish()


def _turn(conversation: Conversation, user: User) -> None:
    link, inbox, inlet = conversation.link, user.inbox, user.inlet
    if conversation.wishes.is_leaving:
        conversation.leave_if_wanted(inlet)
    outlets = conversation.display.outlets
    listening = conversation.is_listening
    reads, writes = [inbox.descriptor], []
    if listening:
        reads.append(link.descriptor)
    if inlet is not None and user.wants_to_type:
        reads.append(inlet.descriptor)
    reconnect = conversation.reconnect
    if reconnect is not None:
        reads.append(reconnect.descriptor)
    watched = conversation.watched
    reads.extend(watched)
    if conversation.is_sending:
        writes.append(link.descriptor)
    for outlet in outlets.values():
        if outlet.is_blocked:
            writes.append(outlet.descriptor)
    has_unread = listening and link.has_unread
    patience = conversation.patience
    readable, writable, _ = select.select(reads, writes, [], 0 if has_unread else patience)

    if inbox.descriptor in readable:
        user.read_signals()
    if reconnect is not None and reconnect.descriptor in readable:
        conversation.reconnected()
        return
    if has_unread or (listening and link.descriptor in readable):
        conversation.receive()
    elif patience == 0.0 or (not readable and not writable):
        conversation.notice_silence()
    if watched and not set(watched).isdisjoint(readable):
        conversation.look_around()
    if inlet is not None:
        if inlet.descriptor in readable:
            user.read_input()
        elif inlet.is_waiting:
            conversation.send_input(inlet)
    if writable:
        for stream, outlet in outlets.items():
            if outlet.descriptor in writable:
                conversation.write(stream)
        if link.descriptor in writable:
            conversation.flush()
