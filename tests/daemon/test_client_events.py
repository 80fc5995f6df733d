"""Where a reader of events goes on after a loss: nothing is missed, not even behind a gap."""

from tilld_client.events import Place


def event(epoch, seq, name="payment.changed"):
    return {"epoch": epoch, "seq": seq, "event": name}


def test_a_position_moves_with_each_event():
    place = Place(None)
    place.begin({"epoch": 1, "seq": 7})
    assert place.position == {"epoch": 1, "seq": 7}
    place.heard(event(1, 8))
    assert place.position == {"epoch": 1, "seq": 8}


def test_a_given_position_is_kept_until_something_is_heard():
    place = Place({"epoch": 1, "seq": 3})
    place.begin({"epoch": 1, "seq": 7})
    assert place.position == {"epoch": 1, "seq": 3}


def test_until_all_behind_a_gap_is_read_the_position_stays_before_it():
    place = Place({"epoch": 1, "seq": 3})
    place.begin({"epoch": 2, "seq": 9})
    place.heard(event(2, 9, "gap"))
    place.heard(event(2, 9))
    place.heard(event(2, 9))
    assert place.position == {"epoch": 1, "seq": 3}
    place.heard(event(2, 10))
    assert place.position == {"epoch": 2, "seq": 10}


def test_a_reader_cut_off_behind_a_gap_is_told_all_of_it_again():
    place = Place({"epoch": 1, "seq": 3})
    place.begin({"epoch": 2, "seq": 9})
    place.heard(event(2, 9, "gap"))
    place.begin({"epoch": 2, "seq": 9})
    place.heard(event(2, 9, "gap"))
    place.heard(event(2, 9))
    assert place.position == {"epoch": 1, "seq": 3}
