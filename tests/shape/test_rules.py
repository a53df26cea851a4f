"""Each rule catches its bad snippet and lets the good one pass."""

import tempfile
import unittest
from pathlib import Path

import check_shape
import rules

README = """
| folder | what | |
| --- | --- | --- |
| `base/` | low | |
| `zone/` | high | |
| `oom/` | planned | later |
"""
GOOD = {
    "core/README.md": README,
    "core/base/base.hpp": "#include <span>\nint low(int a, unsigned b);\n",
    "core/base/inner.hpp": "struct Inner {};\n",
    "core/zone/zone.cpp": '#include "base/base.hpp"\n',
}


class RulesTest(unittest.TestCase):
    def findings(self, files, excuses=frozenset()):
        with tempfile.TemporaryDirectory() as root:
            for name, text in {**GOOD, **files}.items():
                path = Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            tree = rules.Tree(root, list({**GOOD, **files}))
            return check_shape.check(tree, excuses)

    def caught(self, files):
        return [(f.rule, f.path, f.what) for f in self.findings(files)]

    def test_a_good_tree_has_no_findings(self):
        self.assertEqual(self.caught({}), [])

    def test_a_folder_without_a_row(self):
        self.assertEqual(self.caught({"core/extra/extra.hpp": ""}),
                         [("folder-list", "core/README.md", "extra")])

    def test_a_folder_with_code_that_is_marked_later(self):
        self.assertEqual(self.caught({"core/oom/oom.hpp": ""}),
                         [("folder-list", "core/README.md", "oom")])

    def test_a_listed_folder_that_does_not_exist(self):
        readme = README.replace(" later ", " ")
        self.assertEqual(self.caught({"core/README.md": readme}),
                         [("folder-list", "core/README.md", "oom")])

    def test_an_include_of_a_higher_floor(self):
        self.assertEqual(self.caught({"core/base/a.cpp": '#include "zone/zone.hpp"\n'}),
                         [("folder-order", "core/base/a.cpp", "zone/zone.hpp")])

    def test_an_inner_header_included_from_outside(self):
        bad = '#include "base/inner.hpp"\n'
        for path in ("core/zone/a.cpp", "hosts/sim/a.cpp", "tests/zone/a_test.cpp"):
            self.assertEqual(self.caught({path: bad}),
                             [("outward-header", path, "base/inner.hpp")])

    def test_a_folder_and_its_tests_may_include_its_inner_headers(self):
        good = '#include "base/inner.hpp"\n'
        self.assertEqual(self.caught({"core/base/a.cpp": good, "tests/base/a_test.cpp": good}), [])

    def test_a_hosted_header_in_the_core(self):
        self.assertEqual(self.caught({"core/base/a.hpp": "#include <vector>\n"}),
                         [("freestanding", "core/base/a.hpp", "vector")])

    def test_a_header_of_201_lines(self):
        self.assertEqual(self.caught({"core/base/a.hpp": "\n" * 200}), [])
        self.assertEqual(self.caught({"core/base/a.hpp": "\n" * 201}),
                         [("file-length", "core/base/a.hpp", "file")])

    def test_a_source_of_401_lines(self):
        self.assertEqual(self.caught({"core/base/a.cpp": "\n" * 400}), [])
        self.assertEqual(self.caught({"core/base/a.cpp": "\n" * 401}),
                         [("file-length", "core/base/a.cpp", "file")])

    def test_a_line_of_101_columns(self):
        self.assertEqual(self.caught({"core/base/a.cpp": "/" * 100}), [])
        self.assertEqual(self.caught({"core/base/a.cpp": "/" * 101}),
                         [("columns", "core/base/a.cpp", "/" * 40)])

    def test_a_function_of_61_lines(self):
        function = "Errno Zone::grow() QUIRE_REQUIRES(lock_) {{\n{}}}\n"
        self.assertEqual(self.caught({"core/base/a.cpp": function.format("  f();\n" * 58)}), [])
        self.assertEqual(self.caught({"core/base/a.cpp": function.format("  f();\n" * 59)}),
                         [("function-length", "core/base/a.cpp", "grow")])

    def test_a_test_of_61_lines(self):
        body = "TEST(Zone, Grows) {\n" + "  f();\n" * 59 + "}\n"
        self.assertEqual(self.caught({"tests/base/a_test.cpp": body}),
                         [("function-length", "tests/base/a_test.cpp", "TEST")])

    def test_five_parameters(self):
        declared = "class C {\n  virtual void f(A a, B b, C<D, E> c, int d) = 0;\n};\n"
        self.assertEqual(self.caught({"core/base/a.hpp": declared}), [])
        self.assertEqual(self.caught({"core/base/a.hpp": declared.replace("int d", "int d, E e")}),
                         [("parameters", "core/base/a.hpp", "f")])

    def test_adjacent_parameters_of_one_arithmetic_type(self):
        for bad in ("int a, int b", "Pfn p, bool, bool", "std::uint32_t a, const unsigned& b",
                    "std::size_t a = 0, uint64_t b = f(1)", "unsigned long a, std::size_t b"):
            self.assertEqual(self.caught({"core/base/a.hpp": f"void f({bad});\n"}),
                             [("adjacent-arithmetic", "core/base/a.hpp", "f")], bad)

    def test_neighbours_that_cannot_be_swapped(self):
        for good in ("int a, unsigned b", "int a, Pfn p, int b", "int* a, int* b", "T a, T b",
                     "Range<int, int> a, int b", "int a, int* b"):
            self.assertEqual(self.caught({"core/base/a.hpp": f"void f({good});\n"}), [], good)

    def test_a_lambda_has_a_name_that_an_excuse_can_give(self):
        bad = "void f() {\n  const auto g = [](int a, int b) { return a + b; };\n}\n"
        self.assertEqual(self.caught({"core/base/a.cpp": bad}),
                         [("adjacent-arithmetic", "core/base/a.cpp", "lambda")])

    def test_unfinished_work(self):
        bad = "// TO" "DO: later\n"
        self.assertEqual(self.caught({"core/base/a.cpp": bad}),
                         [("unfinished", "core/base/a.cpp", bad.strip())])

    def test_a_path_of_somebodys_machine(self):
        for bad in ("/ho" "me/ann/quire", "/ro" "ot/quire"):
            self.assertEqual(self.caught({"docs/a.md": f"see {bad}"}),
                             [("personal-path", "docs/a.md", f"see {bad}")])

    def test_an_excuse_covers_one_finding(self):
        excuse = ("unfinished", "a.cpp", "// FIX" "ME")
        self.assertEqual(self.findings({"a.cpp": "// FIX" "ME\n"}, {excuse}), [])

    def test_an_excuse_that_nothing_needs(self):
        findings = self.findings({}, {("columns", "a.cpp", "x")})
        self.assertEqual([f.rule for f in findings], ["excuse"])

    def test_an_excuse_without_a_reason(self):
        with self.assertRaises(ValueError):
            check_shape.read_excuses("columns | a.cpp | x\n")


if __name__ == "__main__":
    unittest.main()
