"""Phantom stock: silence is suspicious only where it is longer than this place's own pauses in stock."""

from datetime import date, timedelta

from shelfwise.inventory.phantoms.rules import Move, suspicion, usual_pause

TODAY = date(2026, 3, 10)


def day(ago):
    return TODAY - timedelta(days=ago)


def sold_every(days, last, times=25):
    """Sales of one unit at a steady pace, the last one ``last`` days ago."""
    return [Move(day(last + days * number), -1, sold=True) for number in range(times - 1, -1, -1)]


def test_the_usual_pause_is_the_99_percent_nearest_rank():
    assert usual_pause([1] * 99 + [30]) == 1
    assert usual_pause([1] * 98 + [30, 40]) == 30
    assert usual_pause([1] * 19) is None


def test_silence_longer_than_the_usual_pauses_is_suspected():
    found = suspicion(5, sold_every(3, last=4), TODAY)
    assert (found.silent_days, found.usual_pause_days, found.last_sold_on) == (4, 3, day(4))
    assert suspicion(5, sold_every(3, last=3), TODAY) is None


def test_nothing_on_hand_or_too_little_known_is_not_suspected():
    assert suspicion(0, sold_every(1, last=50), TODAY) is None
    assert suspicion(5, sold_every(1, last=50, times=20), TODAY) is None
    assert suspicion(5, [], TODAY) is None


def test_silence_counts_from_when_there_was_something_to_sell_again():
    moves = sold_every(1, last=50)
    restocked = [*moves, Move(day(1), 5, sold=False)]
    assert suspicion(5, restocked, TODAY) is None
    long_ago = [*moves, Move(day(2), 5, sold=False)]
    assert suspicion(5, long_ago, TODAY).silent_days == 2


def test_a_pause_in_which_the_place_ran_out_is_not_a_usual_one():
    steady = sold_every(1, last=40, times=25)
    ran_out = [*steady[:-1], Move(day(40), -1, sold=True), Move(day(10), 30, sold=False)]
    moves = [*ran_out, *(Move(day(ago), -1, sold=True) for ago in range(9, 2, -1))]
    found = suspicion(23, moves, TODAY)
    assert (found.silent_days, found.usual_pause_days) == (3, 1)
