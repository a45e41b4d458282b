using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;

namespace Gateway;

/// <summary>
/// What a person sees while their workspace is on its way: the real steps as they happen, and then the page first asked for. Nothing is loaded from
/// anywhere. Without script the page reloads itself, and each reload is held like the first request.
/// </summary>
internal static class WaitingPage
{
    private const string Style = RefusalPage.Style
        + "ol{list-style:none;margin:0 0 1.25rem;padding:0}li{display:flex;gap:.6rem;align-items:baseline;padding:.3rem 0}li small{margin-left:auto;white-space:nowrap}"
        + "li::before{content:'';flex:none;width:.65rem;height:.65rem;border-radius:50%;border:2px solid currentColor;box-sizing:border-box;opacity:.4}"
        + ".done{opacity:.65}.done::before{background:currentColor}.current{font-weight:600}.current::before{opacity:1;animation:beat 1.2s ease-in-out infinite}"
        + ".coming{opacity:.65}@keyframes beat{50%{background:currentColor}}@media(prefers-reduced-motion:reduce){.current::before{animation:none;background:currentColor}}"
        + "main{width:min(30rem,100%);box-sizing:border-box}[hidden]{display:none}";

    // Static, so that its hash stands in the policy; all it shows comes from the events, as text.
    private const string Script = """
        (() => {
          const byId = id => document.getElementById(id);
          const steps = byId('steps'), status = byId('status'), title = byId('title'), detail = byId('detail');
          let began = Date.now() - 1000 * Number(steps.dataset.elapsed), over = false;
          const tick = () => { if (!over) status.textContent = Math.max(0, Math.round((Date.now() - began) / 1000)) + ' s so far'; };
          const again = after => { over = true; setTimeout(() => location.reload(), after); };
          const show = told => {
            if (over) return;
            if (told.state === 'awake') { status.textContent = 'Ready'; again(0); return; }
            if (told.problem) {
              over = true; steps.hidden = true; title.textContent = 'Your workspace did not wake up';
              detail.textContent = told.problem; status.textContent = told.retry_after ? 'Trying again helps in ' + told.retry_after + ' s.' : '';
              return;
            }
            if (!told.steps.length) { again(3000); return; }
            if (told.state === 'waking') title.textContent = 'Your workspace is waking up';
            began = Date.now() - 1000 * told.elapsed;
            steps.replaceChildren(...told.steps.map(step => {
              const item = document.createElement('li');
              item.className = step.state;
              item.append(step.text);
              if (step.state === 'current') item.setAttribute('aria-current', 'step');
              if (step.usual) { const usual = document.createElement('small'); usual.textContent = 'usually ' + step.usual + ' s'; item.append(usual); }
              return item;
            }));
            if (told.queue_position) detail.textContent = 'Many workspaces are waking up. You are number ' + told.queue_position + ' in line, about ' + told.expected_wait + ' s from your turn.';
            tick();
          };
          let heard = false, polling = false;
          const poll = () => {
            polling = true;
            fetch('/.gateway/events', { headers: { Accept: 'application/json' }, cache: 'no-store' })
              .then(answer => answer.ok ? answer.json().then(show) : again(3000))
              .catch(() => {})
              .then(() => { if (!over) setTimeout(poll, 1500); });
          };
          const events = new EventSource('/.gateway/events');
          const fallBack = () => { if (!heard && !polling) { events.close(); poll(); } };
          events.addEventListener('progress', event => { heard = true; show(JSON.parse(event.data)); });
          events.onerror = () => { if (events.readyState === EventSource.CLOSED) { heard = false; } fallBack(); };
          setTimeout(fallBack, 4000);
          setInterval(tick, 1000);
        })();
        """;

    public static readonly string ContentSecurityPolicy =
        $"default-src 'none'; style-src {HashOf(Style)}; script-src {HashOf(Script)}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static string NameOf(StepState state) => state switch
    {
        StepState.Done => "done",
        StepState.Current => "current",
        _ => "coming",
    };

    public static string Render(Refusal refusal, ProgressReport report)
    {
        var encoder = HtmlEncoder.Default;
        var items = string.Concat(report.Steps.Select(step =>
            $"""<li class="{NameOf(step.State)}"{(step.State is StepState.Current ? " aria-current=\"step\"" : "")}>{encoder.Encode(step.Text)}{UsualOf(step)}</li>"""));
        var elapsed = report.Elapsed.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        var title = encoder.Encode(refusal.Title);
        return $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <noscript><meta http-equiv="refresh" content="2"></noscript>
            <title>{title}</title>
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1 id="title">{title}</h1>
            <p id="detail">It goes on to the page you asked for as soon as it is ready.</p>
            <ol id="steps" data-elapsed="{elapsed}">{items}</ol>
            <p><small id="status" role="status"></small></p>
            <p><a href="">Try again</a></p>
            </main>
            <script>{Script}</script>
            </body>
            </html>
            """;
    }

    private static string UsualOf(ProgressStep step) =>
        step.Usual is { } usual ? string.Create(CultureInfo.InvariantCulture, $"<small>usually {usual.TotalSeconds:0.0} s</small>") : "";

    private static string HashOf(string text) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}'";
}
