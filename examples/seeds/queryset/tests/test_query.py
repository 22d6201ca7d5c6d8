import unittest

from queryset import Query, QueryError, run

PEOPLE = [
    {"name": "ada", "age": 36, "city": {"name": "Ely"}, "team": "red"},
    {"name": "bob", "age": 25, "city": {"name": "Bath"}, "team": "blue"},
    {"name": "cyd", "age": None, "city": {"name": "Ely"}, "team": "red"},
    {"name": "dan", "age": 25, "team": "red"},
]


def names(rows):
    return "".join(row["name"][0] for row in rows)


class Steps(unittest.TestCase):
    def setUp(self):
        self.query = Query(PEOPLE)

    def test_length(self):
        self.assertEqual(len(self.query), 4)

    def test_where(self):
        self.assertEqual(names(self.query.where("age < 30")), "bd")

    def test_steps_leave_the_query_alone(self):
        self.query.where("age < 30").order("name")
        self.assertEqual(names(self.query), "abcd")

    def test_select(self):
        self.assertEqual(
            self.query.slice(0, 1).select("age", "city.name").rows, [{"age": 36, "city.name": "Ely"}]
        )

    def test_order_puts_null_first(self):
        self.assertEqual(names(self.query.order("age")), "cbda")

    def test_order_descending_is_stable(self):
        self.assertEqual(names(self.query.order("-age")), "abdc")

    def test_order_by_several(self):
        self.assertEqual(names(self.query.order("team", "-name")), "bdca")

    def test_order_of_mixed_kinds(self):
        rows = Query({"v": value} for value in ["b", 2, None, "a", 1.5, (1,)]).order("v")
        self.assertEqual([row["v"] for row in rows], [None, 1.5, 2, "a", "b", (1,)])

    def test_order_of_negative_numbers(self):
        rows = Query({"v": value} for value in [-1, None, 0, -2.5]).order("v")
        self.assertEqual([row["v"] for row in rows], [None, -2.5, -1, 0])

    def test_order_of_kinds_by_name(self):
        rows = Query({"v": value} for value in ["b", (1,), 3, [2]]).order("v")
        self.assertEqual([row["v"] for row in rows], [3, [2], "b", (1,)])

    def test_slice_keeps_the_start(self):
        self.assertEqual(names(self.query.slice(limit=2)), "ab")

    def test_slice(self):
        self.assertEqual(names(self.query.slice(1, 2)), "bc")
        self.assertEqual(names(self.query.slice(2)), "cd")

    def test_slice_of_nothing(self):
        self.assertEqual(len(self.query.slice(limit=0)), 0)

    def test_negative_skip(self):
        with self.assertRaisesRegex(QueryError, "^skip and limit cannot be negative$"):
            self.query.slice(-1)

    def test_negative_limit(self):
        with self.assertRaisesRegex(QueryError, "^skip and limit cannot be negative$"):
            self.query.slice(0, -1)

    def test_distinct_keeps_the_first(self):
        self.assertEqual(names(self.query.distinct("team")), "ab")

    def test_distinct_by_two(self):
        self.assertEqual(names(self.query.distinct("team", "city.name")), "abd")


class Groups(unittest.TestCase):
    def total(self, recipe):
        return [row["t"] for row in Query(PEOPLE).group(["team"], t=recipe)]

    def test_groups_in_order(self):
        self.assertEqual(Query(PEOPLE).group(["team"]).rows, [{"team": "red"}, {"team": "blue"}])

    def test_two_fields(self):
        self.assertEqual(len(Query(PEOPLE).group(["team", "age"])), 4)

    def test_count(self):
        self.assertEqual(self.total("count"), [3, 1])

    def test_count_of_a_field_leaves_null_out(self):
        self.assertEqual(self.total("count age"), [2, 1])

    def test_sum(self):
        self.assertEqual(self.total("sum age"), [61, 25])

    def test_min_and_max(self):
        self.assertEqual((self.total("min age"), self.total("max age")), ([25, 25], [36, 25]))

    def test_mean(self):
        self.assertEqual(self.total("mean age"), [30.5, 25.0])

    def test_nothing_to_total(self):
        totals = Query([{"a": 1}]).group(["a"], x="mean b", y="min b", z="max b", n="sum b").rows
        self.assertEqual(totals, [{"a": 1, "x": None, "y": None, "z": None, "n": 0}])

    def test_unknown_total(self):
        with self.assertRaisesRegex(
            QueryError, "^unknown total 'median'; known are count, sum, min, max, mean$"
        ):
            self.total("median age")

    def test_total_needs_a_field(self):
        with self.assertRaisesRegex(QueryError, "^sum needs a field$"):
            self.total("sum")


class Running(unittest.TestCase):
    def test_where_and_select(self):
        self.assertEqual(
            run("select name where city.name = 'Ely'", PEOPLE), [{"name": "ada"}, {"name": "cyd"}]
        )

    def test_order_limit_and_skip(self):
        self.assertEqual(names(run("order by age desc, name desc skip 1 limit 2", PEOPLE)), "db")

    def test_group_counts(self):
        self.assertEqual(
            run("group by team order by count", PEOPLE),
            [{"team": "blue", "count": 1}, {"team": "red", "count": 3}],
        )

    def test_where_comes_before_group(self):
        self.assertEqual(run("group by team where age = 25 limit 1", PEOPLE), [{"team": "blue", "count": 1}])

    def test_empty_query(self):
        self.assertEqual(run("", PEOPLE), PEOPLE)
