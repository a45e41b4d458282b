using Gateway.Reconciling;
using Gateway.Sessions;

namespace Gateway.Operations.Console;

/// <summary>Where the map and the platform differ.</summary>
internal sealed class DriftPage(ConsoleLayout layout, DriftList drifts, TimeProvider time)
{
    private const int MostShown = 500;

    public async Task WriteAsync(HttpContext context)
    {
        Html body;
        try
        {
            var found = await drifts.ReadAsync(context.RequestAborted);
            body = Body(found, await drifts.ReadPassAsync(context.RequestAborted));
        }
        catch (SessionMapUnavailableException)
        {
            body = Html.Of($"""<p class="card warn" role="alert">Redis does not answer, and the list is kept there.</p>""");
        }

        await layout.WriteAsync(context, new ConsoleView("Drift", ConsolePaths.Drift, Html.Of($"<h1>Drift</h1>{body}")));
    }

    private Html Body(IReadOnlyList<Drift> found, ReconcilePass? pass)
    {
        var now = time.GetUtcNow();
        var compared = pass is null
            ? Html.Of($"""<p class="note">Nothing was compared yet.</p>""")
            : Html.Of($"""<p class="note">Compared {Words.Ago(pass.At, now)}: {Words.Number(pass.Sessions)} sessions with {Words.Number(pass.Machines)} machines and {Words.Number(pass.Volumes)} volumes{(pass.Incomplete is null ? "" : ", not to the end: " + pass.Incomplete)}.</p>""");
        return found.Count == 0
            ? Html.Of($"""{compared}<p class="card good">The map and the platform agree.</p>""")
            : Html.Of($"""
                {compared}
                <section class="card" aria-label="Differences">
                <table class="routes"><caption class="spoken">Differences, the oldest first</caption>
                <thead><tr><th scope="col">What</th><th scope="col">Since</th><th scope="col">About</th><th scope="col">What is done</th></tr></thead>
                <tbody>{Html.Join(found.Take(MostShown), drift => Row(drift, now))}</tbody></table>
                </section>
                """);
    }

    private static Html Row(Drift drift, DateTimeOffset now) => Html.Of($"""
        <tr><th scope="row">{Words.Plain(drift.Kind)}<br><small>{drift.Detail}</small></th>
        <td data-label="Since">{Words.Ago(drift.FirstSeen, now)}</td>
        <td data-label="About"><code>{drift.Subject}</code> {Html.Join(drift.Users, user => Html.Of($"<a href=\"{ConsolePaths.Of(RouteId.Of(new UserId(user)))}\">{user}</a> "))}</td>
        <td data-label="What is done">{drift.Outcome ?? drift.Planned}</td></tr>
        """);
}
