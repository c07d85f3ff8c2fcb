#!/bin/bash
# report_in_browser.sh REPORT.html [SECONDS]: opens a report in headless Chromium without a network and checks that it
# renders, speaks both languages, filters, pages and sorts its failures, keeps a category and exports it, prints, and asks for nothing
# from outside. With SECONDS: fails when it is not usable by then. Needs chromium; not part of the fast tests.
set -euo pipefail
report=$(readlink -f "$1"); limit=${2:-0}
command -v chromium >/dev/null || { echo "skipped: chromium is not on this machine"; exit 0; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cat > "$work/check.html" <<'HTML'
<script>
window.addEventListener('load', () => setTimeout(() => {
  const ready = performance.now(), out = {ready: Math.round(ready)}, saved = [];
  const $ = id => document.getElementById(id), cards = () => document.querySelectorAll('#failure-list article').length;
  const fire = (e, type) => e.dispatchEvent(new Event(type));
  out.resources = performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:') && !r.name.startsWith('blob:')).length;
  out.plots = document.querySelectorAll('figure svg').length;
  out.sections = document.querySelectorAll('section h2').length;
  out.wide = document.documentElement.scrollWidth > window.innerWidth + 1;
  document.querySelector('[data-speak=ja]').click();
  const hidden = e => getComputedStyle(e).display === 'none';
  out.japanese = hidden(document.querySelector('h2 .en')) && !hidden(document.querySelector('h2 .ja'));
  // Four English words in a row in what the program says itself; tables may hold a hospital's own words.
  const japanese = e => { const c = e.cloneNode(true); c.querySelectorAll('.en').forEach(x => x.remove()); return c.textContent; };
  const english = /(?:\b[A-Za-z]{2,}[ ,.;]+){3}[A-Za-z]{2,}/;
  out.englishLeft = [...document.querySelectorAll('h2, caption, figcaption, summary, thead th, li, button, option, nav a, svg text')]
    .map(japanese).filter(text => english.test(text)).map(text => text.slice(0, 60));
  document.querySelector('[data-speak=en]').click();
  out.english = !hidden(document.querySelector('h2 .en')) && hidden(document.querySelector('h2 .ja'));
  if ($('failure-data')) {
    const data = JSON.parse($('failure-data').textContent), all = data.failures.length;
    out.failures = all; out.cards = cards();
    const kind = $('f-kind'); kind.selectedIndex = kind.options.length - 1; fire(kind, 'change');
    const wanted = data.failures.filter(f => kind.value === (f.question === 'group' ? f.truth + '>' + f.answer : f.question)).length;
    out.filter = cards() === Math.min(20, wanted) && parseInt($('f-shown').textContent) === wanted;
    kind.value = ''; fire(kind, 'change');
    $('f-words').value = data.failures[all - 1].id; fire($('f-words'), 'input');
    out.words = cards() >= 1 && document.querySelector('#failure-list h3').textContent.includes(data.failures[all - 1].id.slice(0, 3));
    $('f-words').value = 'no report holds these words'; fire($('f-words'), 'input'); out.none = cards() === 0;
    $('f-words').value = ''; fire($('f-words'), 'input');
    const p = () => { const m = [...document.querySelectorAll('#failure-list .pair')].map(e => e.textContent); return m.length; };
    $('f-order').value = 'id'; fire($('f-order'), 'change');
    const ids = [...document.querySelectorAll('#failure-list h3')].map(h => h.firstChild.textContent.trim());
    out.sorted = ids.every((id, i) => i === 0 || ids[i - 1].localeCompare(id) <= 0) && p() > 0;
    const input = document.querySelector('#failure-list .category'); input.value = 'test'; fire(input, 'change');
    out.category = [...$('f-category').options].some(o => o.value === 'test');
    const make = URL.createObjectURL;
    URL.createObjectURL = blob => { saved.push(blob); return make.call(URL, blob); };
    HTMLAnchorElement.prototype.click = function () {};  // nothing is to be downloaded here
    $('f-csv').click(); $('f-json').click();
    if (all > 20) { $('f-next').click(); out.pages = cards() > 0 && $('f-page').textContent.startsWith('2 '); $('f-back').click(); }
    window.dispatchEvent(new Event('beforeprint')); out.printed = cards() === Math.min(300, all);
    window.dispatchEvent(new Event('afterprint')); out.back = cards() === Math.min(20, all);
  }
  Promise.all(saved.map(blob => blob.text())).then(texts => {
    if (texts.length) {
      const rows = texts[0].trim().split('\r\n'), entries = JSON.parse(texts[1]);
      out.exported = rows.length === out.failures + 1 && rows.filter(r => r.endsWith(',"test"')).length === 1 &&
        entries.length === out.failures && entries.filter(e => e.category === 'test').length === 1;
    }
    const pre = document.createElement('pre'); pre.id = 'checked'; pre.textContent = 'CHECKED' + JSON.stringify(out) + 'END'; document.body.append(pre);
  });
}, 50));
</script>
HTML
cat "$report" "$work/check.html" > "$work/report.html"
browser=(chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --host-resolver-rules="MAP * ~NOTFOUND" --virtual-time-budget=20000)
for width in 1100 390; do
  timeout 120 "${browser[@]}" --window-size=$width,2000 --dump-dom "file://$work/report.html" 2>/dev/null > "$work/dom.html"
  found=$(grep -o 'CHECKED{.*}END' "$work/dom.html" | tail -1 | sed 's/^CHECKED//; s/END$//; s/&gt;/>/g; s/&amp;/\&/g')
  echo "$width px: $found"
  FOUND=$found LIMIT=$limit python3 - <<'PY'
import json, os, sys
found = json.loads(os.environ["FOUND"])
wrong = [k for k in ("japanese", "english", "filter", "words", "none", "sorted", "category", "exported", "pages", "printed", "back") if found.get(k) is False]
if found["resources"]: wrong.append("asked for %d resources" % found["resources"])
if found["englishLeft"]: wrong.append("English on the Japanese page: %s" % found["englishLeft"][:5])
if found["wide"]: wrong.append("wider than the window")
if float(os.environ["LIMIT"]) and found["ready"] > 1000 * float(os.environ["LIMIT"]): wrong.append("ready after %d ms" % found["ready"])
sys.exit("failed: " + ", ".join(wrong) if wrong else 0)
PY
done
timeout 120 "${browser[@]}" --no-pdf-header-footer --print-to-pdf="$work/report.pdf" "file://$report" 2>/dev/null
[ -s "$work/report.pdf" ] && echo "printed: $(stat -c %s "$work/report.pdf") bytes"
