"""What comes from the worker: calls, and the answers to what durable tasks ask in the middle of one.

Between calls the main thread reads. From the first question on a thread of its own does: the main thread is then busy
with the function, in which `TimeLimit` may be raised at any moment, and in the midst of a frame that would lose the
rest. Calls wait in a queue, so their order stays.
"""

import itertools
import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue

import msgspec

from lapinq_core.domain.tasks.durable.messages import Answer, Lost
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.pools.child_side.channel import Channel
from lapinq_worker.running.pools.child_side.frames import Answered, Call, Failed, Frames, Greeting, ToChild
from lapinq_worker.running.pools.child_side.time_limit_signal import TIME_LIMIT_SIGNAL

Deliver = Callable[[Answer | Failed], object]

_messages = msgspec.msgpack.Decoder(ToChild)


class Incoming:
    """The main thread takes calls from it, any thread waits for answers."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._frames = Frames()
        self._calls: SimpleQueue[Call | None] = SimpleQueue()  # None: the worker closed the socket
        self._waiting: dict[int, Deliver] = {}
        self._numbers = itertools.count(1)
        self._reads = threading.Lock()  # of who reads
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def greeting(self) -> Greeting | None:
        """The first frame. None if the worker closed the socket instead."""
        while data := self._channel.receive():
            if bodies := self._frames.feed(data):
                assert len(bodies) == 1, "the worker waits until this process is ready"
                return msgspec.msgpack.decode(bodies[0], type=Greeting)
        return None

    def next_call(self) -> Call | None:
        """Waits for the next call. None when the worker closed the socket."""
        while self._calls.empty() and self._reads.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._reads.release()
        return self._calls.get()

    @any_thread
    def expect(self, deliver: Deliver) -> int:
        """The number for a question, whose answer `deliver` gets, in another thread."""
        if self._thread is None:
            self._start()
        number = next(self._numbers)
        self._waiting[number] = deliver
        if self._is_closed:
            self._close()  # it did not find this one
        return number

    @any_thread
    def forget(self, number: int) -> None:
        """Nobody waits for that answer any more."""
        self._waiting.pop(number, None)

    @any_thread
    def _start(self) -> None:
        thread = threading.Thread(target=self._serve, name="lapinq answers", daemon=True)
        # The signal must interrupt what the main thread waits for, so no other may get it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (TIME_LIMIT_SIGNAL,))
        try:
            thread.start()
            self._thread = thread
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @any_thread
    def _serve(self) -> None:
        with self._reads:  # a thread that an earlier call left behind may ask while the main thread reads
            while not self._is_closed:
                self._read()

    @any_thread
    def _read(self) -> None:
        data = self._channel.receive()
        if not data:
            self._close()
        for body in self._frames.feed(data):
            message = _messages.decode(body)
            if not isinstance(message, Answered):
                for call in message.calls:
                    self._calls.put(call)
            elif (deliver := self._waiting.pop(message.question, None)) is not None:
                deliver(message.answer)

    @any_thread
    def _close(self) -> None:
        self._is_closed = True
        self._calls.put(None)
        for number in list(self._waiting):
            if (deliver := self._waiting.pop(number, None)) is not None:
                deliver(Lost())
