"""The HTML report: self-contained, with alternative text, and sound in a real browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from beetl_task1.data.recording import RecordingKey
from beetl_task1.errors import BeetlError
from beetl_task1.validation.comparison import seed_spread
from beetl_task1.validation.crossval import Validation, pooled_score
from beetl_task1.validation.feature_shift import feature_shift
from beetl_task1.validation.report import charts, render, write_report
from beetl_task1.validation.shift import Predicted, shift_of

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MEASURE = """<script>
document.querySelectorAll("details").forEach(d => d.open = true);
const wide = [...document.querySelectorAll("main *")].filter(e => !e.closest(".scroll") && !e.closest("svg")
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "." + e.className);
const flat = [...document.querySelectorAll("svg.chart")].filter(e => e.getBoundingClientRect().height < 40).length;
const cut = [...document.querySelectorAll("svg.chart text")].filter(e => {
  const t = e.getBoundingClientRect(), s = e.closest("svg").getBoundingClientRect();
  return t.right > s.right + 1 || t.left < s.left - 1 || t.bottom > s.bottom + 1 || t.top < s.top - 1;
}).map(e => e.textContent);
const hidden = [...document.querySelectorAll(".scroll")].filter(e => e.querySelector(".confusion")
  && e.scrollWidth > e.clientWidth + 1);
hidden.forEach(e => wide.push("confusion " + e.scrollWidth + " in " + e.clientWidth));
document.body.dataset.found = JSON.stringify(
  [innerWidth, document.documentElement.scrollWidth, wide.length, flat, cut.length, wide.concat(cut).slice(0, 5)]);
</script>"""


def night(rng, n, lacking):
    share = np.array([0.35, 0.1, 0.3, 0.1, 0.0 if lacking else 0.03, 0.12])
    return rng.choice(6, n, p=share / share.sum())


def validation(name, sure, seed=0, n_subjects=5):
    rng = np.random.default_rng(11)
    keys = [RecordingKey("80-95", s, r) for s in range(n_subjects) for r in (1, 2)]
    truth = {key: night(rng, 200, key.subject == 2) for key in keys}
    tests = {RecordingKey("80-95", s, r): night(rng, 150, False) for s in range(5, 9) for r in (1, 2)}

    def predict(labels, sure, seed):
        rng = np.random.default_rng(seed)
        p = {k: np.exp(2 * (sure * np.eye(6)[y] + rng.normal(size=(len(y), 6)))) for k, y in labels.items()}
        return {k: v / v.sum(1, keepdims=True) for k, v in p.items()}

    sides = [predict(truth, sure, seed), predict(truth, 0.7 * sure, seed + 1), predict(tests, sure, seed + 2)]
    labels = [{k: p.argmax(1) for k, p in side.items()} for side in sides]
    features = [{k: np.random.default_rng([k.subject, k.session]).normal(size=(40, 14)) for k in side}
                for side in (truth, tests)]  # fmt: skip
    score = pooled_score(truth, labels[0])
    members = [{"a-member": labels[i], "b-member": predict_labels(labels[i], seed)} for i in (0, 2)]
    names = [f"Fpz-Cz a_feature_of_some_length_{k}" for k in range(14)]
    target, test = (Predicted(sides[i], labels[i], members[j]) for i, j in ((0, 0), (2, 1)))
    return Validation(
        recipe=name,
        group="80-95",
        data="simulated data (size medium, seed 0)",
        probabilities=sides[0],
        labels=labels[0],
        truth=truth,
        source_only=sides[1],
        source_only_labels=labels[1],
        seeds=seed_spread(name, {0: 61.2, 1: 63.0}),
        shift=shift_of(target, [test], truth, score, feature_shift(*features, names)),
        experiment="experiment",
        key="key",
        cached=False,
    )


def predict_labels(labels, seed):
    rng = np.random.default_rng(seed)
    return {k: np.where(rng.random(len(y)) < 0.1, 0, y) for k, y in labels.items()}


@pytest.fixture(scope="module")
def validations():
    names = ("features-logreg", "latent-alignment-with-a-long-name", "chambon")
    return [validation(name, sure, seed) for seed, (name, sure) in enumerate(zip(names, (1.2, 0.9, 1.0), strict=True))]


class Structure(HTMLParser):
    """Notes tags that are not closed in order, and images without alternative text."""

    VOID = ("meta", "link", "br")

    def __init__(self):
        super().__init__()
        self.open, self.images, self.bad = [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "svg" and attrs.get("aria-hidden") != "true":
            self.images.append(attrs.get("aria-label", ""))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.bad.append(tag)


@pytest.mark.parametrize("scheme", ["rk", "aasm"])
def test_page_is_sound_and_self_contained(validations, scheme, tmp_path):
    path = write_report(tmp_path / "report.html", validations, scheme)
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 3e6
    assert not re.search(r"(https?:|src=|url\(|@import|<script)", text)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    structure = Structure()
    structure.feed(text)
    assert not structure.bad
    assert not structure.open
    assert len(structure.images) > 8
    assert all(len(label) > 40 for label in structure.images)


def test_page_says_what_stands_behind_the_scores(validations):
    text = render(validations)
    for words in (
        "simulated data (size medium, seed 0)", "do not foretell a leaderboard", "chambon", "s2 has no S4",
        "sign-flip test", "interval", "Seeds", "without", "Confusion", "ECE", "target, true", "a-member / b-member",
        "Features that differ most", "s0r2",
    ):  # fmt: skip
        assert words in text
    score = validations[0].card().score
    assert f"<strong>{score:.1f}</strong>" in text


def test_same_text_twice(validations):
    assert render(validations) == render(validations)


def test_one_recipe_without_test_set_or_transfer(validations):
    one = validations[0]
    alone = replace(one, shift=None, source_only=one.probabilities, source_only_labels=one.labels)
    text = render([alone])
    assert "Differences between recipes" not in text
    assert "target subjects change nothing" in text
    assert "Features that differ most" not in text


def test_text_from_elsewhere_is_escaped(validations):
    text = render([replace(validations[0], recipe="<b>x</b>", data="<script>alert(1)</script>")])
    assert "<script" not in text
    assert "<b>x" not in text


def test_recipes_of_two_groups_are_refused(validations, tmp_path):
    with pytest.raises(BeetlError, match="one group"):
        write_report(tmp_path / "r.html", [validations[0], replace(validations[1], group="65-79")])


def test_marks_lie_where_their_values_are():
    svg = charts.dots({"s0": {"a": 50.0}, "s1": {"a": 60.0}, "s2": {"a": 70.0}}, "t", "score")
    x = [float(value) for value in re.findall(r'<circle[^>]*cx="([\d.]+)"', svg)]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    ticks = dict(re.findall(r'<text x="([\d.]+)"[^>]*class="muted">(\d+)<', svg))
    assert {"50", "60", "70"} <= set(ticks.values())
    assert next(float(place) for place, value in ticks.items() if value == "60") == pytest.approx(x[1], abs=0.2)


def test_bars_start_at_zero_and_reach_their_value():
    svg = charts.bars({"f": {"a": -1.0}, "g": {"a": 2.0}}, "t", "SD")
    (x0, w0), (x1, w1) = (
        (float(x), float(w)) for x, w in re.findall(r'<rect class="s0" x="([\d.]+)".*?width="([\d.]+)"', svg)
    )
    assert x0 + w0 == pytest.approx(x1, abs=0.2)
    assert w1 == pytest.approx(2 * w0, abs=0.3)


@pytest.mark.skipif(BROWSER is None, reason="no chromium installed")
@pytest.mark.parametrize("width", [375, 1280])
def test_in_a_real_browser(validations, width, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(render(validations).replace("</body>", MEASURE + "</body>"), encoding="utf-8")
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
         f"--window-size={width},900", "--enable-logging=stderr", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    inner, scroll, wide, flat, cut, *which = json.loads(found[1].replace("&quot;", '"'))
    assert scroll <= inner, which
    assert (wide, flat, cut) == (0, 0, 0), which
    assert "CONSOLE" not in done.stderr
