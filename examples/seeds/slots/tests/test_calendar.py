import unittest

from slots import Booking, Calendar, Conflict, Interval


def names(bookings):
    return [booking.name for booking in bookings]


class Seats(unittest.TestCase):
    def test_one_by_default(self):
        self.assertEqual(Calendar().seats, 1)

    def test_no_seat(self):
        with self.assertRaisesRegex(ValueError, "^a calendar needs a seat, not 0$"):
            Calendar(0)


class Book(unittest.TestCase):
    def setUp(self):
        self.calendar = Calendar()
        self.calendar.book("b", 10, 20)
        self.calendar.book("a", 5, 10)

    def test_keeps_order(self):
        self.assertEqual(names(self.calendar), ["a", "b"])

    def test_returns_the_booking(self):
        self.assertEqual(self.calendar.book("c", 20, 21, priority=3), Booking(Interval(20, 21), "c"))

    def test_priority_is_kept(self):
        self.assertEqual(self.calendar.book("c", 20, 21, priority=3).priority, 3)
        self.assertEqual(self.calendar.find("a").priority, 0)

    def test_bookings_cannot_change(self):
        with self.assertRaises(AttributeError):
            self.calendar.find("a").name = "z"

    def test_default_priority(self):
        self.assertEqual(Booking(Interval(0, 1), "x").priority, 0)

    def test_conflict(self):
        with self.assertRaises(Conflict) as caught:
            self.calendar.book("c", 9, 11)
        self.assertEqual(str(caught.exception), "9-11 clashes with a, b")
        self.assertEqual(caught.exception.wanted, (9, 11))
        self.assertEqual(caught.exception.blockers, ["a", "b"])

    def test_refused_booking_leaves_nothing(self):
        with self.assertRaises(Conflict):
            self.calendar.book("c", 9, 11)
        self.assertEqual(names(self.calendar), ["a", "b"])

    def test_backwards(self):
        with self.assertRaises(ValueError):
            self.calendar.book("c", 30, 25)


class Asking(unittest.TestCase):
    def setUp(self):
        self.calendar = Calendar(seats=3)
        for name, start, end in [("a", 0, 10), ("b", 4, 8), ("c", 8, 12), ("d", 20, 30)]:
            self.calendar.book(name, start, end)

    def test_during(self):
        self.assertEqual(names(self.calendar.during(Interval(8, 20))), ["a", "c"])

    def test_during_includes_a_late_start(self):
        self.assertEqual(names(self.calendar.during(Interval(12, 21))), ["d"])

    def test_load_counts_at_once(self):
        self.assertEqual(self.calendar.load(Interval(0, 30)), 2)

    def test_load_of_a_later_crowd(self):
        calendar = Calendar(2)
        for name, start, end in [("a", 0, 1), ("b", 2, 5), ("c", 2, 5)]:
            calendar.book(name, start, end)
        self.assertEqual(calendar.load(Interval(0, 9)), 2)

    def test_load_of_free_time(self):
        self.assertEqual(self.calendar.load(Interval(12, 20)), 0)

    def test_find(self):
        self.assertEqual(self.calendar.find("c").span, (8, 12))

    def test_find_nothing(self):
        self.assertIsNone(self.calendar.find("z"))

    def test_usage_rounds_down(self):
        self.assertEqual(self.calendar.usage(Interval(0, 30)), 73)

    def test_usage_of_full_time(self):
        self.assertEqual(self.calendar.usage(Interval(1, 11)), 100)


class SeveralSeats(unittest.TestCase):
    def test_last_seat(self):
        calendar = Calendar(2)
        calendar.book("a", 0, 10)
        self.assertEqual(calendar.book("b", 0, 10).name, "b")

    def test_full(self):
        calendar = Calendar(2)
        calendar.book("a", 0, 10)
        calendar.book("b", 5, 10)
        with self.assertRaises(Conflict):
            calendar.book("c", 4, 6)


class Force(unittest.TestCase):
    def setUp(self):
        self.calendar = Calendar(2)
        self.calendar.book("low", 0, 10, priority=1)
        self.calendar.book("mid", 0, 10, priority=2)

    def test_evicts_the_weakest(self):
        self.assertEqual(names(self.calendar.force("x", 2, 4, priority=5)), ["low"])
        self.assertEqual(names(self.calendar), ["mid", "x"])

    def test_weakest_first_whatever_the_order_of_time(self):
        calendar = Calendar(2)
        calendar.book("mid", 0, 10, priority=2)
        calendar.book("low", 1, 10, priority=1)
        self.assertEqual(names(calendar.force("x", 2, 4, priority=5)), ["low"])

    def test_keeps_its_priority(self):
        self.calendar.force("x", 2, 4, priority=5)
        self.assertEqual(self.calendar.find("x").priority, 5)

    def test_free_time_evicts_nobody(self):
        self.assertEqual(self.calendar.force("x", 10, 14, priority=5), [])

    def test_equals_are_not_evicted(self):
        with self.assertRaises(Conflict):
            self.calendar.force("x", 2, 4, priority=1)

    def test_failure_puts_everything_back(self):
        calendar = Calendar()
        calendar.book("strong", 0, 4, priority=9)
        calendar.book("weak", 4, 8, priority=1)
        with self.assertRaises(Conflict):
            calendar.force("x", 2, 6, priority=5)
        self.assertEqual(names(calendar), ["strong", "weak"])


class CancelAndMove(unittest.TestCase):
    def setUp(self):
        self.calendar = Calendar()
        self.calendar.book("a", 0, 5, priority=4)
        self.calendar.book("b", 10, 15)
        self.calendar.book("a", 20, 25)

    def test_cancel_counts(self):
        self.assertEqual(self.calendar.cancel("a"), 2)
        self.assertEqual(names(self.calendar), ["b"])

    def test_cancel_unknown(self):
        with self.assertRaisesRegex(LookupError, "^nothing is booked as 'z'$") as caught:
            self.calendar.cancel("z")
        self.assertIs(type(caught.exception), LookupError)

    def test_move(self):
        moved = self.calendar.move("a", 5)
        self.assertEqual((moved.span, moved.priority), ((5, 10), 4))
        self.assertEqual([booking.span for booking in self.calendar], [(5, 10), (10, 15), (20, 25)])

    def test_move_may_overlap_itself(self):
        self.assertEqual(self.calendar.move("b", 1).span, (11, 16))

    def test_move_into_a_booking(self):
        with self.assertRaises(Conflict) as caught:
            self.calendar.move("a", 6)
        self.assertEqual(caught.exception.blockers, ["b"])
        self.assertEqual(caught.exception.wanted, (6, 11))

    def test_conflict_leaves_it_in_place(self):
        with self.assertRaises(Conflict):
            self.calendar.move("a", 6)
        self.assertEqual(self.calendar.find("a").span, (0, 5))

    def test_conflict_does_not_name_itself(self):
        with self.assertRaises(Conflict) as caught:
            self.calendar.move("b", -7)
        self.assertEqual(caught.exception.blockers, ["a"])

    def test_move_unknown(self):
        with self.assertRaisesRegex(LookupError, "^nothing is booked as 'z'$"):
            self.calendar.move("z", 1)
