"""The report at 400 and 1400 pixels in a real browser: nothing clipped without a sign, charts that fill their boxes."""

import datetime
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from test_report import validation

from beetl_task1 import __version__
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.validation.report import Made, charts, render, write_report
from beetl_task1.validation.verdict import verdict

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MEASURE = """<script>
document.querySelectorAll("details").forEach(d => d.open = true);
const all = (css, root = document) => [...root.querySelectorAll(css)], box = e => e.getBoundingClientRect();
const seen = e => e && getComputedStyle(e).display !== "none";
const wide = e => e.scrollWidth > e.clientWidth + 1;
const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > -0.5
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
const marks = "rect[class], line.bar, .large, .small, .mid, line.zero, line.grid";
const upright = m => !m.matches("line.grid") || m.getAttribute("x1") === m.getAttribute("x2");
const hint = e => e.nextElementSibling?.matches(".hint") ? e.nextElementSibling : null;
document.body.dataset.found = JSON.stringify({
  inner: innerWidth,
  page: document.documentElement.scrollWidth,
  unsigned: all(".scroll").filter(e => wide(e) && !seen(hint(e))).map(e => e.ariaLabel),
  needless: all(".scroll").filter(e => !wide(e) && seen(hint(e))).map(e => e.ariaLabel),
  narrow: all("svg.chart").filter(e => box(e).width < 0.9 * e.closest(".box").clientWidth).map(e => e.ariaLabel),
  empty: all("div.grid").filter(g => Math.max(...[...g.children].map(e => box(e).right)) < box(g).right - 2).length,
  covered: all("svg.chart").flatMap(svg => all("text:not(.muted)", svg).filter(t =>
    all(marks, svg).some(m => upright(m) && meet(box(t), box(m)))).map(t => t.textContent)),
  sizes: all("svg.chart text").map(t => parseFloat(getComputedStyle(t).fontSize) * box(t.closest("svg")).width / 360),
});
</script>"""
OUTER = """<iframe style="width: {}px; height: 900px; border: 0" srcdoc="{}"></iframe>
<script>onload = () => document.body.dataset.found = frames[0].document.body.dataset.found;</script>"""


def made(scores, seed=0, **changes):
    found = [validation(name, sure, seed + i) for i, (name, sure) in enumerate(scores.items())]
    return [replace(v, made_from=load_recipe("default"), **changes) for v in found]


SEVERAL = {"features-logreg": 1.2, "latent-alignment-with-a-long-name": 0.9, "chambon": 1.0}


@pytest.mark.skipif(BROWSER is None, reason="no chromium installed")
@pytest.mark.parametrize("scores", [SEVERAL, {"default": 1.0}], ids=["three recipes", "one recipe"])
@pytest.mark.parametrize("width", [400, 700, 1400])
def test_tables_have_signs_and_charts_fill_their_boxes(width, scores, tmp_path):
    """In a frame, since the window of a browser has a least width."""
    about = Made("2026-01-02", "beetl-task1 validate --data /a/very/long/place/of/data --group 80-95 --report r.html")
    inner = render(made(scores), "rk", about).replace("</body>", MEASURE + "</body>")
    (tmp_path / "outer.html").write_text(OUTER.format(width, html.escape(inner)), encoding="utf-8")
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
         "--window-size=1600,900", "--dump-dom", (tmp_path / "outer.html").as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = json.loads(html.unescape(re.search(r'<body data-found="([^"]*)"', done.stdout)[1]))
    assert found["inner"] == width
    assert found["page"] <= width
    for what in ("unsigned", "needless", "narrow", "covered"):
        assert found[what] == [], what
    assert found["empty"] == 0
    assert 10 < min(found["sizes"]) <= max(found["sizes"]) < 20


def test_a_hint_is_needed_somewhere_and_shadows_are_there():
    text = render(made(SEVERAL))
    assert "scroll sideways" in text
    assert "no-repeat local" in text


def test_the_verdict_and_how_it_was_made_stand_before_the_tables():
    about = Made("2026-01-02", "beetl-task1 validate --group 80-95", {"numpy": "2.0"})
    text = render(made(SEVERAL), "rk", about)
    places = [
        text.index(part)
        for part in ('class="verdict"', "2026-01-02", "beetl-task1 validate --group 80-95", "numpy 2.0", "geometric",
                     "<h2>Scoreboard")
    ]  # fmt: skip
    assert places == sorted(places)
    assert render(made(SEVERAL)).count("<dt>date") == 0


def test_a_written_report_has_its_date_and_command(tmp_path):
    text = write_report(tmp_path / "r.html", made({"default": 1.0}), command="beetl-task1 submit").read_text()
    assert datetime.date.today().isoformat() in text
    assert "<code>beetl-task1 submit</code>" in text
    assert f"beetl-task1 {__version__}" in text


def said(scores, **changes):
    found = made(scores, **changes)
    return verdict([v.card() for v in found], [v.shift for v in found])


def test_the_verdict_says_who_leads_and_what_to_expect():
    alike = said({"a": 1.0, "b": 1.0})
    assert re.fullmatch(r"[ab] leads by \d\.\d: not to be told apart with five people; expect about \d\d", alike)
    [one] = made({"default": 1.0})
    assert f"expect about {one.shift.guess:.0f}" in one.shift.statement[-1].replace(
        "a guess for the test set is", "expect about"
    )
    assert re.fullmatch(
        r"default scores \d\d\.\d with five people, which leave \d\d to \d\d open; expect about \d\d",
        said({"default": 1.0}),
    )
    assert "without the test set nothing is foretold" in said({"default": 1.0}, shift=None)
    apart = said({"good": 2.0, "bad": 0.2})
    assert re.fullmatch(r"good leads by \d+\.\d: told apart with five people; expect about \d\d", apart)
    assert "not to be told apart from chambon with five people" in said(SEVERAL)


def test_lines_of_a_chart_stop_where_labels_stand():
    rows = [charts.Row(name, 1.0, None, {}, "") for name in ("a", "b")]
    lines = re.findall(r'<line class="(?:grid|zero)"[^>]*y1="(\d+)" y2="(\d+)"', charts.forest(rows, "t", "u", True))
    assert {(20, 45), (66, 91)} == {(int(a), int(b)) for a, b in lines}
