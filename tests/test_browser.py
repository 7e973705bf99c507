"""The report in a real browser: Debian's chromium, headless."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, finished):
    """Open the page with the options of a browser context; what it asked for and complained of stands on the page."""
    contexts = []

    def open_(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto((finished.path / "results/report.html").as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()


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


def test_a_click_switches_a_variant_off_and_on_in_both_charts(open_page):
    page = open_page()
    names = page.locator(".live").first.locator("tr.u-series", has_text="custom_sgd")
    for off in (True, False):
        names.first.locator("th").click()
        assert [("u-off" in name.get_attribute("class")) for name in names.all()] == [off, off]


def test_the_pointer_reads_values(open_page, finished):
    page = open_page()
    live = page.locator(".live").first
    value = live.locator("tr.u-series", has_text="torch_sgd").first.locator("td")
    assert value.inner_text() == ""
    live.locator(".u-over").first.hover()
    assert float(value.inner_text()) > 0


def test_without_script_and_on_paper_the_static_figures_stand(open_page):
    figure = "figure.has-live img"
    page = open_page()
    assert not page.locator(figure).first.is_visible()
    page.emulate_media(media="print")
    assert page.locator(figure).first.is_visible()
    assert not page.locator(".live").first.is_visible()
    assert open_page(java_script_enabled=False).locator(figure).first.is_visible()


CONTRASTS = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const luminance = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  return [...document.body.querySelectorAll("*")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && e.checkVisibility())
    .map((e) => {
      const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(background(e))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 100)];
    })
    .filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(open_page, scheme):
    page = open_page(color_scheme=scheme)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    assert dark == (scheme == "dark")
    assert page.evaluate(CONTRASTS) == []


def test_figures_have_alternative_text_and_tables_headers(open_page):
    page = open_page()
    assert page.locator("img").count() == 8
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("table:not(:has(th))").count() == 0
    assert page.locator("h1").count() == 1
    assert page.locator("html[lang=en]").count() == 1
