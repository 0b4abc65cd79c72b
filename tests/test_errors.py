"""Messages and exit statuses."""

import errno
import os

import pytest

from latsky.errors import InputError, InputErrors, Problems, guarded


def test_a_message_names_file_and_key():
    assert str(InputError("wrong")) == "wrong"
    assert str(InputError("wrong", "a.fits")) == "a.fits: wrong"
    assert str(InputError("wrong", "a.fits", "emin")) == "a.fits: emin: wrong"
    assert str(InputError("wrong", key="emin")) == "emin: wrong"


def test_problems_are_collected():
    problems = Problems()
    problems.raise_any()
    problems.add("one", "a")
    assert problems.collect(lambda: 5) == 5

    def one():
        raise InputError("two")

    def several():
        raise InputErrors([InputError("three"), InputError("four")])

    assert problems.collect(one) is None
    assert problems.collect(several) is None
    with pytest.raises(InputErrors) as caught:
        problems.raise_any()
    assert str(caught.value) == "a: one\ntwo\nthree\nfour"


def raising(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("action", "status", "message"),
    [
        (lambda: None, 0, ""),
        (lambda: 3, 3, ""),
        (raising(InputError("bad", "f", "k")), 2, "cmd: error: f: k: bad\n"),
        (
            raising(InputErrors([InputError("a"), InputError("b")])),
            2,
            "cmd: error: a\ncmd: error: b\n",
        ),
        (
            raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/y.fits")),
            1,
            "cmd: error: /x/y.fits: No space left on device\n",
        ),
        (raising(OSError("odd")), 1, "cmd: error: odd\n"),
        (raising(KeyboardInterrupt()), 130, "cmd: interrupted\n"),
    ],
)
def test_exit_status(action, status, message, capfd):
    assert guarded("cmd", action) == status
    assert capfd.readouterr().err == message


def test_programming_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        guarded("cmd", lambda: 1 // 0)
