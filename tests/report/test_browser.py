"""The report in a real browser: Debian's chromium, headless."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")
DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, finished):
    """Open the page with the options of a browser context; what it asked for and complained of stands on the page."""

    def open_(**options):
        page = browser.new_context(**options).new_page()
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto((finished.path / "results/report.html").as_uri())
        return page

    return open_


def test_it_works_from_a_file_without_a_network_and_without_errors(open_page):
    page = open_page()
    assert page.errors == []
    assert [url for url in page.asked if not url.startswith(("data:", "blob:"))] == [page.url]
    assert page.locator(".uplot").count() == 8


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_overflows(open_page, width):
    page = open_page(viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut_off = "[...document.querySelectorAll('.uplot')].filter(e => e.clientWidth > e.parentElement.clientWidth).length"
    assert page.evaluate(cut_off) == 0


def test_the_first_screen_has_the_answer_the_accuracies_and_the_curves(open_page):
    page = open_page(viewport=DESKTOP)
    assert page.locator("img").first.bounding_box()["y"] < 400
    assert page.locator(".uplot").first.bounding_box()["y"] < 650


def test_a_legend_is_one_line_on_a_desktop_and_a_label_stays_with_its_marker_on_a_phone(open_page):
    page, phone = open_page(viewport=DESKTOP), open_page(viewport={"width": 360, "height": 800})
    tops = "[...document.querySelector('.live').querySelectorAll('.u-series + .u-series')].map(e => e.offsetTop)"
    assert len(set(page.evaluate(tops))) == 1
    assert not page.locator(".live .u-series:first-child").first.is_visible(), "the iteration is no entry"
    heights = "[...document.querySelectorAll('.live .u-series + .u-series th')].map(e => e.offsetHeight)"
    assert set(phone.evaluate(heights)) == set(page.evaluate(heights)), "no label is broken"


def test_the_pointer_reads_a_chart_and_clicks_switch_its_axis_and_a_variant_in_both_charts(open_page):
    page = open_page()
    live, charts = page.locator(".live").first, "document.querySelectorAll('.live')[0].charts"
    value = live.locator("tr.u-series", has_text="torch_sgd").first.locator("td")
    assert value.inner_text() == ""
    live.locator(".u-over").first.hover()
    loss, accuracy = value.inner_text().split(", ")
    assert float(loss) > 0 and accuracy.endswith(" %")
    for on in (False, True):
        live.locator("tr.u-series", has_text="custom_sgd").locator("th").click()
        assert page.evaluate(f"[...{charts}].map((chart) => chart.series[1].show)") == [on, on]
    for name, scale in (("linear loss", 3), ("logarithmic loss", 1), ("linear loss", 3)):
        assert page.evaluate(f"{charts}[0].scales.y.distr") == scale
        live.locator("button", has_text=name).click()


def test_a_variant_alone_shows_each_minibatch_on_a_linear_axis_once_it_is_unfolded(open_page):
    page = open_page()
    page.locator("details:has(.live) summary").first.click()
    page.locator("details .live").first.locator("tr.u-series", has_text="each minibatch of seed 0").wait_for()
    of_live = "document.querySelectorAll('details .live')[0].charts[0]"
    assert page.evaluate(f"{of_live}.data[1].filter((v) => v != null).length") == 2 * (1000 // 16)
    assert page.evaluate(f"{of_live}.scales.y.distr") == 1


def test_without_script_the_figures_are_those_beside_the_page(open_page):
    figures = open_page(java_script_enabled=False).locator("noscript img")
    assert open_page().locator("noscript img").count() == 0
    assert figures.count() == 8 and figures.first.is_visible()
    assert figures.first.evaluate("(image) => image.complete && image.naturalWidth > 0")


def test_the_paper_is_light_and_has_all_folded_parts_open(open_page):
    page = open_page(color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator(".uplot").count() == 2 * 8
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()") == "#fff"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


CONTRASTS = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const background = (e) => {
    const c = e ? parse(getComputedStyle(e).backgroundColor) : [255, 255, 255];
    return c.length < 4 || c[3] > 0 ? c : background(e.parentElement);
  };
  return [...document.body.querySelectorAll("*")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && e.checkVisibility())
    .map((e) => {
      const [a, b] = [parse(getComputedStyle(e).color), background(e)].map(luminance).sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 100)];
    })
    .filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(13, 17, 23)")])
def test_text_has_the_contrast_of_wcag_aa(open_page, scheme, ground):
    page = open_page(color_scheme=scheme)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    assert page.evaluate(CONTRASTS) == []


COUNTS = {"img": 1, "img:not([alt])": 0, ".live[role=group]:not([aria-label])": 0, "table:not(:has(th))": 0}
COUNTS |= {"h1": 1, "html[lang=en]": 1}


def test_figures_have_alternative_text_and_tables_headers(open_page):
    page = open_page()
    assert {selector: page.locator(selector).count() for selector in COUNTS} == COUNTS
