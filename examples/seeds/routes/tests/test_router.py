import unittest

from routes import MethodNotAllowed, NotFound, RouteError, Router, UnknownRoute


class Adding(unittest.TestCase):
    def test_get_brings_head(self):
        self.assertEqual(Router().add("/", "h").methods, {"GET", "HEAD"})

    def test_methods_in_any_case(self):
        self.assertEqual(Router().add("/", "h", ["post"]).methods, {"POST"})

    def test_no_method(self):
        with self.assertRaisesRegex(RouteError, "^no method for /a$"):
            Router().add("/a", "h", [])

    def test_name_taken(self):
        router = Router()
        router.add("/a", "h", name="x")
        with self.assertRaisesRegex(RouteError, "^the name 'x' is taken$") as caught:
            router.add("/b", "h", name="x")
        self.assertIs(type(caught.exception), RouteError)
        self.assertEqual(len(list(router)), 1)

    def test_unnamed_routes(self):
        router = Router()
        route = router.add("/a", "h")
        router.add("/b", "h")
        self.assertEqual((route.name, route.priority, len(list(router))), (None, 0, 2))

    def test_decorator(self):
        router = Router()

        @router.route("/a")
        def page():
            return "page"

        self.assertEqual((router.url("page"), page()), ("/a", "page"))
        self.assertIs(router.resolve("GET", "/a").route.handler, page)

    def test_decorator_with_a_name_and_methods(self):
        router = Router()
        router.route("/a", "PUT", "DELETE", name="edit")(lambda: None)
        self.assertEqual(router.url("edit"), "/a")
        self.assertEqual(router.resolve("put", "/a").route.methods, {"PUT", "DELETE"})

    def test_routes_cannot_change(self):
        with self.assertRaises(AttributeError):
            Router().add("/", "h").name = "x"


class Resolving(unittest.TestCase):
    def setUp(self):
        self.router = Router()
        self.router.add("/users/{id:int}", "user")
        self.router.add("/users/{name}", "by name")
        self.router.add("/users/new", "form")
        self.router.add("/users/new", "create", ["POST"])
        self.router.add("/{rest:path}", "fallback", ["GET"])

    def handler(self, target, method="GET"):
        return self.router.resolve(method, target).route.handler

    def test_most_specific(self):
        targets = ["/users/5", "/users/ada", "/users/new", "/x/y"]
        self.assertEqual(
            [self.handler(target) for target in targets], ["user", "by name", "form", "fallback"]
        )

    def test_method_chooses(self):
        self.assertEqual(self.handler("/users/new", "post"), "create")

    def test_head(self):
        self.assertEqual(self.handler("/users/5", "HEAD"), "user")

    def test_values(self):
        self.assertEqual(self.router.resolve("GET", "/users/5").values, {"id": 5})

    def test_query(self):
        match = self.router.resolve("GET", "/users/5?a=1&a=2")
        self.assertEqual((match.values, match.query), ({"id": 5}, {"a": ["1", "2"]}))

    def test_slash_at_the_end(self):
        self.assertEqual(self.handler("/users/new/"), "form")

    def test_method_not_allowed(self):
        with self.assertRaises(MethodNotAllowed) as caught:
            self.router.resolve("put", "/users/new")
        self.assertEqual(str(caught.exception), "PUT is not one of GET, HEAD, POST")
        self.assertEqual((caught.exception.allowed, caught.exception.status), (["GET", "HEAD", "POST"], 405))

    def test_not_found(self):
        with self.assertRaises(NotFound) as caught:
            self.router.resolve("GET", "/?a=1")
        self.assertEqual(str(caught.exception), "no route for /")
        self.assertEqual((caught.exception.path, caught.exception.status), ("/", 404))

    def test_status_of_other_errors(self):
        self.assertEqual(RouteError.status, 500)

    def test_matches_cannot_change(self):
        with self.assertRaises(AttributeError):
            self.router.resolve("GET", "/users/5").values = {}


class Priorities(unittest.TestCase):
    def test_higher_first(self):
        router = Router()
        router.add("/a", "fixed")
        router.add("/{x}", "any", priority=1)
        self.assertEqual(router.resolve("GET", "/a").route.handler, "any")

    def test_first_of_equals(self):
        router = Router()
        router.add("/{x}", "first")
        router.add("/{y}", "second")
        self.assertEqual(router.resolve("GET", "/a").values, {"x": "a"})

    def test_strict_slash(self):
        router = Router(strict_slash=True)
        router.add("/a", "h")
        with self.assertRaises(NotFound):
            router.resolve("GET", "/a/")

    def test_root(self):
        router = Router()
        router.add("/", "h")
        self.assertEqual(router.resolve("GET", "/").route.handler, "h")


class Mounting(unittest.TestCase):
    def setUp(self):
        self.inner = Router()
        self.inner.add("/{id:int}", "show", ["GET", "PUT"], name="show", priority=3)
        self.inner.add("/list", "list")
        self.router = Router()

    def test_prefix(self):
        self.router.mount("/users/", self.inner)
        match = self.router.resolve("PUT", "/users/5")
        self.assertEqual((match.route.handler, match.values, match.route.priority), ("show", {"id": 5}, 3))

    def test_name(self):
        self.router.mount("/users", self.inner)
        self.assertEqual(self.router.url("show", id=1), "/users/1")

    def test_namespace(self):
        self.router.mount("/users", self.inner, "people")
        self.assertEqual(self.router.url("people.show", id=1), "/users/1")
        self.assertEqual({route.name for route in self.router}, {"people.show", None})

    def test_twice_under_one_name(self):
        self.router.mount("/a", self.inner)
        with self.assertRaises(RouteError):
            self.router.mount("/b", self.inner)


class Reversing(unittest.TestCase):
    def setUp(self):
        self.router = Router()
        self.router.add("/u/{id:int}/{tab}", "h", name="tab")

    def test_path(self):
        self.assertEqual(self.router.url("tab", id=5, tab="x"), "/u/5/x")

    def test_the_rest_becomes_a_query(self):
        self.assertEqual(self.router.url("tab", id=5, tab="x", page=2, q="a b"), "/u/5/x?page=2&q=a%20b")

    def test_unknown(self):
        with self.assertRaisesRegex(UnknownRoute, "^no route is called 'home'$"):
            self.router.url("home")

    def test_unknown_is_a_lookup_error(self):
        self.assertTrue(issubclass(UnknownRoute, LookupError))
