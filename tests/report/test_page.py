"""The report in a headless Chromium: it opens from a disk, at two sizes, in light and dark; every
plot is there and has something drawn in it; the console says nothing; no network is asked."""

import itertools
import json
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from browser import Browser
from runs import EXAMPLE_MACHINE, WORKLOADS, quire, run_of_report, written

SIZES = {"desk": (1280, 900), "phone": (390, 800)}

# How much each plot has drawn: pixels of its canvas that are coloured, or its bars' width.
DRAWN = """
Object.fromEntries([...document.querySelectorAll("[data-plot]")].map(plot => {
  const canvas = plot.querySelector("canvas");
  if (!canvas) return [plot.dataset.plot, [...plot.querySelectorAll("li > i")]
    .reduce((sum, bar) => sum + bar.getBoundingClientRect().width, 0)];
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 100 && Math.max(data[i], data[i + 1], data[i + 2]) -
        Math.min(data[i], data[i + 1], data[i + 2]) > 60) drawn += 1;
  return [plot.dataset.plot, drawn];
}))
"""
LEAST_DRAWN = 100


def plots_of(run):
    zones = [f"node {zone['node']} {zone['zone']}" for zone in run["zones"]]
    return ({f"free {zone}" for zone in zones}
            | {"memory", "page cache", "faults", "fault kinds", "tlb", "processes"})


def missing_plots(browser, run):
    """Plots that are not there, or have next to nothing drawn in them."""
    drawn = browser.value(DRAWN)
    physical = sum(n for name, n in drawn.items() if name.startswith("physical "))
    return sorted([name for name in plots_of(run) if drawn.get(name, 0) < LEAST_DRAWN]
                  + ["physical"] * (physical < LEAST_DRAWN))


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="quire-page-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.report = cls.folder / "report.html"
        workload = written(cls.folder / "mixed.toml", WORKLOADS)
        quire("run", EXAMPLE_MACHINE, workload, "--quiet", "--report", cls.report)
        cls.run_told = run_of_report(cls.report)
        cls.browser = cls.enterClassContext(Browser())

    def setUp(self):
        self.browser.complaints.clear()
        self.browser.asked.clear()

    def test_has_every_plot_at_each_size_in_light_and_dark(self):
        for (name, size), dark in itertools.product(SIZES.items(), (False, True)):
            with self.subTest(size=name, dark=dark):
                self.browser.open(self.report, size, dark)
                self.assertEqual(missing_plots(self.browser, self.run_told), [])
                width = self.browser.value("document.documentElement.scrollWidth")
                self.assertLessEqual(width, size[0])
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual({url for url in self.browser.asked if not url.startswith("data:")},
                         {self.report.as_uri()})

    def test_each_part_says_what_to_see(self):
        self.browser.open(self.report)
        says = self.browser.value(
            "[...document.querySelectorAll('section')].map(s => [s.querySelector('h2').innerText,"
            " s.querySelector('.says').innerText.length])")
        self.assertGreaterEqual(len(says), 8)
        for title, length in says:
            self.assertGreater(length, 40, title)

    def test_names_stay_text(self):
        self.browser.open(self.report)
        self.assertIn("</script><b>", self.browser.value("document.body.innerText"))

    def test_the_slider_moves_the_picture_and_its_mark_in_plots(self):
        self.browser.open(self.report)
        see = ("[...document.querySelectorAll('[data-plot^=physical] canvas, [data-plot=memory] "
               "canvas')].map(c => c.toDataURL())")
        before = self.browser.value(see)
        self.browser.value("(s => { s.value = 0; s.dispatchEvent(new Event('input')); })"
                           "(document.querySelector('input[type=range]'))")
        self.browser.value("new Promise(requestAnimationFrame)")
        after = self.browser.value(see)
        self.assertNotEqual(before[:-1], after[:-1])
        self.assertNotEqual(before[-1], after[-1])

    def tooltip_at(self, x, y):
        self.browser.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return self.browser.value("[...document.querySelectorAll('.tooltip:not([hidden])')]"
                                  ".map(t => t.innerText).join()")

    def test_the_pointer_over_a_plot_and_a_frame_tells_figures(self):
        self.browser.open(self.report)
        box_of = "(e => { e.scrollIntoView(); const b = e.getBoundingClientRect();" \
                 " return [b.x, b.y, b.height]; })"
        x, y, _ = self.browser.value(box_of + "(document.querySelector('[data-plot=memory] "
                                     ".u-over'))")
        self.assertIn("anonymous", self.tooltip_at(x + 50, y + 20))
        # The largest zone; not each of its rows has frames that were ever used.
        x, y, height = self.browser.value(
            box_of + "([...document.querySelectorAll('.picture canvas')]"
            ".reduce((a, c) => a.offsetHeight > c.offsetHeight ? a : c))")
        told = [self.tooltip_at(x + 300, y + part * height / 20) for part in range(20)]
        self.assertTrue(any("page frame" in text for text in told), told)

    def test_what_is_wrong_with_a_page_would_be_seen(self):
        self.browser.open(self.report)
        self.browser.value("document.querySelector('[data-plot=tlb]').remove()")
        self.browser.value("(c => c.width = c.width)"
                           "(document.querySelector('[data-plot=memory] canvas'))")
        self.browser.value("document.querySelectorAll('[data-plot^=physical] canvas')"
                           ".forEach(c => c.width = c.width)")
        self.assertEqual(missing_plots(self.browser, self.run_told),
                         ["memory", "physical", "tlb"])
        self.browser.value("console.error('seen')")
        self.assertEqual(self.browser.complaints, ["seen"])

    def test_a_run_of_nothing_is_shown_too(self):
        workload = written(self.folder / "one.toml", '[[workload]]\npattern = "sequential"\n'
                           'memory = "4K"\naccesses = 1\n')
        report = self.folder / "one.html"
        quire("run", EXAMPLE_MACHINE, workload, "--quiet", "--report", report)
        self.browser.open(report)
        self.assertEqual(self.browser.complaints, [])
        self.assertIn("1\nprocess", self.browser.value("document.body.innerText"))


if __name__ == "__main__":
    sys.exit(unittest.main())
