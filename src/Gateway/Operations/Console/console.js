// Keeps the page true. Without it every page still works; it is only as old as its last load.
(() => {
  // A slash finds a user, as in other tables that people live in.
  document.addEventListener('keydown', key => {
    if (key.key !== '/' || key.ctrlKey || key.metaKey || key.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(key.target.tagName)) return;
    const search = document.querySelector('input[type=search]');
    if (search) { key.preventDefault(); search.focus(); search.select(); }
  });

  const watches = document.body.dataset.watches;
  if (!watches) return;
  const sign = document.getElementById('live');
  const show = (state, text) => { sign.hidden = false; sign.dataset.state = state; sign.textContent = text; };
  let waiting = null, reading = false, again = false;

  // The page as it is now: only what says it is live is taken over, and only where it differs.
  const refresh = async () => {
    waiting = null;
    if (reading || document.hidden) { again = true; return; }
    reading = true; again = false;
    try {
      const answer = await fetch(location.href, { cache: 'no-store', redirect: 'error' });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const part of document.querySelectorAll('[data-live]')) {
        const now = fresh.getElementById(part.id);
        if (!now || part.innerHTML === now.innerHTML || part.querySelector('[open]')) continue;
        const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
        part.replaceChildren(...now.childNodes);
        if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      }
    } catch { show('old', 'Not live: reload'); }
    reading = false;
    if (again) soon();
  };
  const soon = () => { waiting ??= setTimeout(refresh, 1000); };

  // The row at once, the rest of the page in a moment.
  const rows = (routes, state) => {
    for (const route of routes) {
      const badge = document.getElementById('state-' + route);
      if (badge && state) { badge.textContent = state; badge.dataset.state = state; badge.closest('tr')?.classList.add('changed'); }
    }
  };
  const hear = message => {
    const told = JSON.parse(message.data);
    const mine = watches === '*' || told.routes.includes(watches);
    if (!mine) return;
    rows(told.routes, told.state);
    soon();
  };

  const events = new EventSource('/api/events');
  events.onopen = () => show('live', 'Live');
  events.onerror = () => events.readyState === EventSource.CLOSED ? show('old', 'Not live: reload') : show('old', 'Reconnecting');
  for (const kind of ['state', 'wake', 'stop', 'decision', 'operator', 'use']) events.addEventListener(kind, hear);
  events.addEventListener('reset', soon);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) soon(); });
  // Ages and counts move without an event.
  setInterval(() => { if (!document.hidden) soon(); }, 15000);
})();
