"""What a script can tell of a page in the browser: text that is cut or covered, and barriers that axe-core finds."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

COVERED = r"""() => {
  const seen = element => { const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    return box.width > 1 && box.height > 1 && style.visibility !== 'hidden' && Number(style.opacity) > .05; };
  const main = document.querySelector('[data-testid=stMain]'), found = [];
  const own = element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  const skipped = '[data-testid=stCode],[data-testid=stDataFrame],[data-testid=stTooltipContent],svg,style,script';
  const texts = [...main.querySelectorAll('*')].filter(e => own(e) && !e.closest(skipped) && seen(e));
  for (const element of texts) {
    const style = getComputedStyle(element);
    if (element.scrollWidth > element.clientWidth + 1 && style.overflowX !== 'visible' && element.clientWidth)
      found.push(`cut: "${element.textContent.trim().slice(0, 60)}"`);
  }
  const overlaps = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  const compare = (elements, kind) => {
    const boxes = elements.map(e => [e, e.getBoundingClientRect()]);
    boxes.forEach(([one, a], place) => boxes.slice(place + 1).forEach(([two, b]) => {
      const same = one.closest('p,li') && one.closest('p,li') === two.closest('p,li');  // words of one sentence
      if (!same && !one.contains(two) && !two.contains(one) && overlaps(a, b))
        found.push(`${kind}: "${one.textContent.trim().slice(0, 40)}" and "${two.textContent.trim().slice(0, 40)}"`);
    }));
  };
  compare(texts, 'overlap');
  for (const chart of main.querySelectorAll('svg.marks')) {
    const frame = chart.getBoundingClientRect();
    // The box of a tilted text is far larger than the text.
    const level = e => !/rotate\((?!0)/.test(e.getAttribute('transform') || '');
    const labels = [...chart.querySelectorAll('text')].filter(e => seen(e) && level(e) && e.textContent.trim());
    compare(labels, 'overlap in a chart');
    for (const label of labels) {
      const box = label.getBoundingClientRect();
      if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.bottom > frame.bottom + 2)
        found.push(`cut in a chart: "${label.textContent}"`);
    }
  }
  if (main.scrollWidth > main.clientWidth) found.push(`${main.scrollWidth - main.clientWidth} px too wide`);
  return [...new Set(found)];
}"""

STREAMLITS = (
    # Vega marks each group of marks as a picture, also one that is empty; the chart around it has its words.
    ("svg-img-alt", "svg.marks [role=graphics-symbol]"),
)
"""Rules of axe-core and the parts of Streamlit's own widgets that break them, which no setting of ours mends."""

BARRIERS = """async streamlits => {
  const {violations} = await axe.run(document, {resultTypes: ['violations']});
  const theirs = (rule, node) => streamlits.some(([broken, part]) =>
    broken === rule && document.querySelector(node.target[0])?.closest(part));
  return violations.filter(each => ['serious', 'critical'].includes(each.impact)).flatMap(each =>
    each.nodes.filter(node => !theirs(each.id, node)).map(node =>
      `axe ${each.id}: ${node.target[0]}: ${node.html.slice(0, 160)}: ${(node.failureSummary || '').slice(0, 300)}`));
}"""


def covered(page: Page) -> list[str]:
    """Text that is cut or covers other text, and by how much the page is wider than its window."""
    found: list[str] = page.evaluate(COVERED)
    return found


def barriers(page: Page) -> list[str]:
    """Serious and critical findings of axe-core, but for what is Streamlit's own."""
    page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(BARRIERS, [list(each) for each in STREAMLITS])
    return found
