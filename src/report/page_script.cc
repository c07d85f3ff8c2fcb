// The program of the page, in plain JavaScript: no library, no network.
#include "report/failure_browser.h"

namespace gantry {

const char* page_script() {
  return R"js(
'use strict';
(() => {
const root = document.documentElement;
const kept = {
  get(key) { try { return localStorage.getItem(key); } catch (e) { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch (e) { /* a page may not keep */ } }
};
const $ = id => document.getElementById(id);
// A label whose middle was left out for want of room.
function shortened(own, words) {
  const cut = own.indexOf('…');
  return cut < 0 ? '' : Object.keys(words).find(w => w.startsWith(own.slice(0, cut)) && w.endsWith(own.slice(cut + 1)));
}
// Labels inside plots: the dictionary of their figure.
function translatePlots(japanese) {
  document.querySelectorAll('figure[data-ja]').forEach(figure => {
    const words = JSON.parse(figure.dataset.ja);
    figure.querySelectorAll('svg text, svg tspan').forEach(node => {
      if (node.childElementCount) return;
      const own = node.dataset.en || node.textContent.trim();
      const wanted = own in words ? own : shortened(own, words);
      if (!wanted) return;
      node.dataset.en = own;
      node.textContent = japanese ? words[wanted] : own;
    });
  });
}
// Where no two spans fit: the entries of lists, the page's own title.
const titles = { en: document.title, ja: root.dataset.titleJa || document.title };
function translateOptions(japanese) {
  document.querySelectorAll('option[data-ja]').forEach(o => {
    const text = japanese ? o.dataset.ja : o.dataset.en;
    if (o.parentElement.tagName === 'DATALIST') o.value = text; else o.textContent = text;
  });
}
function speak(language) {
  root.classList.toggle('show-ja', language === 'ja');
  root.lang = language;
  document.title = titles[language];
  translateOptions(language === 'ja');
  document.querySelectorAll('[data-speak]').forEach(b => b.setAttribute('aria-pressed', b.dataset.speak === language));
  translatePlots(language === 'ja');
  kept.set('gantry-language', language);
}
document.querySelectorAll('[data-speak]').forEach(b => b.addEventListener('click', () => speak(b.dataset.speak)));
const first = kept.get('gantry-language') || ((navigator.language || '').startsWith('ja') ? 'ja' : 'en');
if (first === 'ja') speak('ja');
window.addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(d => {
  d.dataset.was = d.open ? '1' : ''; d.open = true; }));
window.addEventListener('afterprint', () => document.querySelectorAll('details').forEach(d => { d.open = !!d.dataset.was; }));

const holder = $('failure-data');
if (!holder) return;
const data = JSON.parse(holder.textContent);
const PAGE = 20, PRINTED = 300;
const storeKey = 'gantry-categories-' + data.run;
let categories = {};
try { categories = JSON.parse(kept.get(storeKey) || '{}'); } catch (e) { categories = {}; }
let page = 0, shown = [];
const key = f => f.source + '\u001f' + f.id + (f.question === 'group' ? '' : '\u001f' + f.question);
const both = (en, ja) => { const s = document.createDocumentFragment(); s.append(span(en, 'en'), span(ja, 'ja')); return s; };
function span(text, className) { const s = document.createElement('span'); s.textContent = text; if (className) s.className = className; return s; }
function element(name, className, ...inside) { const e = document.createElement(name); if (className) e.className = className; e.append(...inside); return e; }
const group = g => typeof g === 'string' ? g : g < 0 ? both('not read', '未読') : both(data.groups[g][0], data.groups[g][1]);
const label = g => typeof g === 'string' ? g : data.labels[g];
const japanese = () => root.classList.contains('show-ja');
const questions = { group: ['group', '群'], code: ['code', 'コード'], text: ['text', '文章'] };
const question = f => questions[f.question] || [f.question, f.question];
const SHORT = 24;
const length = f => f.text.reduce((n, piece) => n + piece[0].length, 0);

function shaded(f) {
  const box = element('div', 'text'); box.lang = 'ja';
  for (const [text, weight] of f.text) {
    if (!weight) { box.append(text); continue; }
    const m = element('mark', '', text);
    m.style.background = `rgba(${weight > 0 ? '70,130,200' : '235,150,60'},${Math.min(1, Math.abs(weight)) * 0.75})`;
    m.title = weight.toFixed(2);
    box.append(m);
  }
  return box;
}
function folded(en, ja, ...inside) { return element('details', '', element('summary', '', both(en, ja)), ...inside); }
function row(name, value) { return element('div', 'pair', element('span', 'soft', name), value); }
// What the other classifiers answered, those of one answer together where there are many.
function others(f) {
  const arms = f.question === 'group' ? f.arms.map((a, i) => [data.arms[i], a]) : f.arms;
  const by = new Map();
  for (const [name, answer] of arms) { const k = arms.length > 3 ? answer : name[0]; by.has(k) ? by.get(k)[1].push(name) : by.set(k, [answer, [name]]); }
  return [...by.values()];
}
function card(f) {
  const short = f.fields.filter(([, v]) => v.length <= SHORT), long = f.fields.filter(([, v]) => v.length > SHORT);
  const about = [f.source, f.date, ...short.map(([k, v]) => k + ' ' + v)].filter(Boolean).join(', ');
  const box = element('article', 'case', element('h3', '', f.id + ' ', element('small', '', ...(f.question === 'group' ? [] : [both(...question(f)), ', ']), about)));
  box.append(row(both('reference standard', '参照基準'), group(f.truth)));
  const given = element('span', '', group(f.answer));
  if (f.held) given.append(' ', both('(held back for a person)', '（保留して人へ）'));
  box.append(row(both('answered', '解答'), given));
  if (f.others.length) box.append(row(both('probabilities', '確率'), f.others.map(([a, p]) => a + ': ' + p.toFixed(3)).join(', ')));
  else box.append(row(both('confidence', '確信度'), f.sure.toFixed(3)));
  others(f).forEach(([answer, names]) => box.append(row(both(names.map(n => n[0]).join('; '), names.map(n => n[1]).join('；')), group(answer))));
  f.readers.forEach((label, i) => box.append(row(element('span', '', both('reader ', '読影者 '), data.readers[i]), group(label))));
  box.append(shaded(f));
  if (f.whole) box.append(folded('whole report', 'レポート全文', (() => { const t = element('div', 'text', f.whole); t.lang = 'ja'; return t; })()));
  if (long.length) box.append(folded('other columns', '他の列', ...long.map(([k, v]) => row(k, v))));
  if (f.neighbours.length) {
    const list = f.neighbours.map(n => { const t = element('div', 'text', n.text); t.lang = 'ja';
      return element('div', 'neighbour', row(n.source + ' ' + n.id, element('span', '', group(n.label), `, ${n.similarity.toFixed(3)}`)), t); });
    box.append(folded('nearest in the training set (similarity of n-grams)', '学習セットで近いレポート（n-gramの類似度）', ...list));
  }
  const input = element('input', 'category'); input.setAttribute('list', 'f-categories'); input.value = categories[key(f)] || '';
  input.setAttribute('aria-label', 'category');
  input.addEventListener('change', () => {
    if (input.value.trim()) categories[key(f)] = input.value.trim(); else delete categories[key(f)];
    kept.set(storeKey, JSON.stringify(categories)); fillCategories();
  });
  box.append(row(both('category', '分類'), input));
  return box;
}
function option(value, en, ja) {
  const o = document.createElement('option'); o.value = value;
  if (ja !== undefined) { o.dataset.en = en; o.dataset.ja = ja; }
  o.textContent = ja !== undefined && japanese() ? ja : en; return o;
}
function count(values) { const m = new Map(); values.forEach(v => m.set(v, (m.get(v) || 0) + 1)); return [...m].sort((a, b) => b[1] - a[1]); }
function fill(select, entries) { const was = select.value; select.replaceChildren(option('', 'all', '全て'), ...entries); select.value = was; if (select.selectedIndex < 0) select.value = ''; }
function fillCategories() {
  fill($('f-category'), [option('-', 'none', 'なし'), ...count(Object.values(categories)).map(([c, n]) => option(c, `${c} (${n})`))]);
}
const kind = f => f.question === 'group' ? f.truth + '>' + f.answer : f.question;
const kindWords = k => { const [t, a] = k.split('>'); return a === undefined ? questions[k] || [k, k] : [`${data.labels[t]} → ${data.labels[a]}`, `${data.labels[t]} → ${data.labels[a]}`]; };
fill($('f-kind'), count(data.failures.map(kind)).map(([k, n]) => option(k, `${kindWords(k)[0]} (${n})`, `${kindWords(k)[1]} (${n})`)));
fill($('f-source'), count(data.failures.map(f => f.source)).map(([s, n]) => option(s, `${s} (${n})`)));
fillCategories();
const orders = { sure: (a, b) => b.sure - a.sure, unsure: (a, b) => a.sure - b.sure, id: (a, b) => a.id.localeCompare(b.id),
  date: (a, b) => a.date.localeCompare(b.date), long: (a, b) => length(b) - length(a) };
function choose() {
  const words = $('f-words').value.trim().toLowerCase(), category = $('f-category').value;
  shown = data.failures.filter(f => (!$('f-kind').value || kind(f) === $('f-kind').value) &&
    (!$('f-source').value || f.source === $('f-source').value) &&
    (!category || (category === '-' ? !categories[key(f)] : categories[key(f)] === category)) &&
    (!words || (f.id + ' ' + f.text.map(p => p[0]).join('') + ' ' + (f.whole || '')).toLowerCase().includes(words)));
  shown.sort(orders[$('f-order').value]);
  page = 0; draw();
}
function draw(everything) {
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  const part = everything ? shown.slice(0, PRINTED) : shown.slice(page * PAGE, (page + 1) * PAGE);
  $('failure-list').replaceChildren(...part.map(card));
  $('f-shown').replaceChildren(both(`${shown.length} of ${data.failures.length} failures chosen`, `${data.failures.length}件中${shown.length}件を表示対象に選択`));
  $('f-page').textContent = `${page + 1} / ${pages}`;
  $('f-back').disabled = page === 0; $('f-next').disabled = page + 1 >= pages;
  document.querySelector('.pager').hidden = pages === 1;
}
for (const id of ['f-kind', 'f-source', 'f-category', 'f-order']) $(id).addEventListener('change', choose);
$('f-words').addEventListener('input', choose);
$('f-back').addEventListener('click', () => { --page; draw(); });
$('f-next').addEventListener('click', () => { ++page; draw(); });
window.addEventListener('beforeprint', () => draw(true));
window.addEventListener('afterprint', () => draw());
function save(name, type, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type})); link.download = name; link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const quoted = text => '"' + String(text).replaceAll('"', '""') + '"';
$('f-csv').addEventListener('click', () => save(data.run + '-categories.csv', 'text/csv', '\ufeffid,source,question,reference_standard,answered,category\r\n' +
  data.failures.map(f => [f.id, f.source, f.question, label(f.truth), label(f.answer), categories[key(f)] || ''].map(quoted).join(',')).join('\r\n') + '\r\n'));
$('f-json').addEventListener('click', () => save(data.run + '-categories.json', 'application/json',
  JSON.stringify(data.failures.map(f => ({id: f.id, source: f.source, question: f.question, reference_standard: label(f.truth), answered: label(f.answer), category: categories[key(f)] || null})), null, 1)));
choose();
})();
)js";
}

}  // namespace gantry
