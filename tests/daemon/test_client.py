"""The client against a terminal that answers by hand: what a refused hello and a stop lead to."""

import contextlib
import socket
import threading

import msgpack
import pytest

from tilld_client import CallError, Lost, Till

PATIENCE_S = 20.0


@contextlib.contextmanager
def answering(path, *answers):
    """A terminal whose answers, each an error code or a result, come in this order.
    Yields the methods it was asked."""
    asked: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.settimeout(PATIENCE_S)
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_answer, args=(listener, iter(answers), asked))
        thread.start()
        try:
            yield asked
        finally:
            thread.join(PATIENCE_S)


def _answer(listener, answers, asked):
    answer = next(answers, None)
    while answer is not None:
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE_S)
        with connection:
            unpacker = msgpack.Unpacker()
            while answer is not None and (data := connection.recv(65536)):
                unpacker.feed(data)
                for _, msgid, method, _ in unpacker:
                    asked.append(method)
                    connection.sendall(msgpack.packb([1, msgid, *_told(answer)]))
                    answer = next(answers, None)


def _told(answer):
    if isinstance(answer, dict):
        return (None, answer)
    error = {"code": answer, "message": "no", "retry": "later", "changed": "no"}
    return (error, None)


def test_after_a_refused_hello_the_next_call_says_hello_again(tmp_path):
    path = tmp_path / "till.sock"
    with answering(path, "too_many", {}, {"ready": "yes"}) as asked:
        with Till(str(path)) as till:
            with pytest.raises(CallError):
                till.call("device.health")
            assert till.call("device.health") == {"ready": "yes"}
        assert asked == ["hello", "hello", "device.health"]


def test_a_terminal_that_goes_on_stopping_is_lost_when_the_patience_is_over(tmp_path):
    path = tmp_path / "till.sock"
    with (
        answering(path, {}, "stopping"),
        Till(str(path), patience_s=0.0) as till,
        pytest.raises(Lost),
    ):
        till.call("device.health")
