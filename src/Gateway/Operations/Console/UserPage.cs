using System.Globalization;
using Gateway.Identity;
using Gateway.Operations.Costs;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Console;

/// <summary>Everything known of one user's route, why it is as it is, its last day, and what can be done.</summary>
internal sealed class UserPage(ConsoleLayout layout, RouteListing listing, RouteDossier dossier, KnownRoutes known, CostLedger costs, IOptions<IdentityOptions> identity, TimeProvider time)
{
    public async Task WriteAsync(HttpContext context, string id)
    {
        if (!RouteId.TryParse(id, out var user))
        {
            await WriteUnknownAsync(context);
            return;
        }

        try
        {
            if (await listing.FindAsync(user.Value, context.RequestAborted) is not { } found)
            {
                await WriteUnknownAsync(context);
                return;
            }

            var detail = dossier.DetailAsync(found, context.RequestAborted);
            var why = await dossier.WhyAsync(found, context.RequestAborted);
            var month = await costs.UserAsync(LedgerMonth.Of(time.GetUtcNow()), found.Session, context.RequestAborted);
            await WriteAsync(context, found.Route with { Detail = await detail }, why, month);
        }
        catch (SessionMapUnavailableException) when (known.Find(user.Value) is { } route)
        {
            await WriteAsync(context, route, null, null);
        }
        catch (SessionMapUnavailableException)
        {
            await RefusalResponse.WriteAsync(context, RouteEndpoints.MapUnavailable);
        }
    }

    private Task WriteUnknownAsync(HttpContext context) => layout.WriteAsync(context, new ConsoleView("No such route", ConsolePaths.Start, Html.Of($"""
        <h1>No such route</h1>
        <p>{RouteEndpoints.NoSuchRoute.Detail}</p>
        <p><a href="/">All routes</a></p>
        """)) { Status = StatusCodes.Status404NotFound });

    private Task WriteAsync(HttpContext context, RouteView route, RouteWhy? why, UserCosts? month)
    {
        var now = time.GetUtcNow();
        var done = ConsoleActions.Find(context.Request.Query["done"].ToString()) is { } action ? Html.Of($"""<p class="card good" role="status">{action.Done}</p>""") : Html.Empty;
        return layout.WriteAsync(context, new ConsoleView(route.User, ConsolePaths.Start, Html.Of($"""
            <nav class="crumbs" aria-label="Where you are"><a href="/">Routes</a> / {route.User}</nav>
            <h1>{route.User}</h1>
            {done}
            <section id="now" class="card now" data-live aria-label="State">{Now(route, why, now)}</section>
            <section id="actions" class="card" data-live aria-label="Actions">{Actions(context, route, now)}</section>
            <section id="timeline" class="card" data-live aria-label="The last day"><h2>The last day</h2>{(why is null ? Html.Of($"<p class=\"note\">Not known while Redis is away.</p>") : Timeline.Draw(why, now))}</section>
            <div class="cards">
            <section id="facts" class="card" data-live aria-label="Facts">{Facts(route, month, now)}</section>
            <section id="visits" class="card" data-live aria-label="Visits and timers">{Visits(route.Detail!, now)}</section>
            </div>
            <section id="causes" class="card" data-live aria-label="Causes">{(why is null ? Html.Empty : Causes(why))}</section>
            """)) { Watches = route.Id });
    }

    private static Html Now(RouteView route, RouteWhy? why, DateTimeOffset now) => Html.Of($"""
        <p class="summary" role="status">{Words.State(route.Id, route.State)} <span>{why?.Summary ?? string.Create(CultureInfo.InvariantCulture, $"As this replica knew it {route.Detail!.AgeSeconds} s ago: Redis does not answer.")}</span></p>
        {(route.Detail!.Next is { } next ? Html.Of($"<p class=\"note\">Next: <b>{Words.Plain(next.Action)}</b> {Words.Ago(next.At, now)}{(why?.Summary.Contains(next.Because, StringComparison.Ordinal) is true ? "" : ", because " + next.Because)}.</p>") : Html.Empty)}
        {(route.Closed ? Html.Of($"<p class=\"note\"><span class=\"tag\">closed</span> New requests are refused since {Words.At(route.Detail.ClosedAt)}.</p>") : Html.Empty)}
        {(route.PinnedUntil > now ? Html.Of($"<p class=\"note\"><span class=\"tag\">pinned</span> Kept from idle stops until {Words.At(route.PinnedUntil)}.</p>") : Html.Empty)}
        {Failure("Machine", route.Detail.MachineFailure, now)}{Failure("Session", route.Detail.SessionFailure, now)}
        """);

    private static Html Failure(string what, RecordFailure? failure, DateTimeOffset now) => failure is null
        ? Html.Empty
        : Html.Of($"""<p class="note bad">{what}: {failure.Reason}, {failure.Detail} ({failure.Times} times in a row; not tried again before {Words.Ago(failure.Until, now)})</p>""");

    private Html Actions(HttpContext context, RouteView route, DateTimeOffset now) => ConsoleForms.IsByCookie(context) && context.User.IsInRole(identity.Value.OperatorRole)
        ? Html.Of($"""<h2>Actions</h2><p class="buttons">{Html.Join(ConsoleActions.For(route, now), action => Html.Of($"<a class=\"button\" id=\"do-{action.Name}\" href=\"{ConsolePaths.Of(route.Id)}/{action.Name}\">{action.Verb}…</a>"))}</p>""")
        : Html.Of($"""<h2>Actions</h2><p class="note">They are for operators who signed in here.</p>""");

    private static Html Facts(RouteView route, UserCosts? month, DateTimeOffset now)
    {
        var detail = route.Detail!;
        (string Name, Html Value)[] facts =
        [
            ("User", Html.Of($"{route.User}")),
            ("Session", Html.Of($"{detail.SessionState}{Since(detail.SessionChangedAt, now)}")),
            ("Machine", Html.Of($"<code>{route.Machine ?? "none yet"}</code> in <code>{route.App}</code>")),
            ("Its record", Html.Of($"{detail.MachineState ?? "none"}{Since(detail.MachineChangedAt, now)}")),
            ("Held by", Html.Of($"{(detail.MachineLease ?? detail.SessionLease)?.Owner ?? "nobody"}")),
            ("Volume", Html.Of($"<code>{route.Volume ?? "–"}</code>{(detail.VolumeGb is { } gb ? Html.Of($" of {gb} GB") : Html.Empty)}")),
            ("Region", Html.Of($"{route.Region ?? "–"}")),
            ("Address", Html.Of($"<code>{route.Address ?? "–"}</code>")),
            ("Boot", Html.Of($"<code>{route.Boot}</code>{(route.Suspended ? ", suspended" : "")}")),
            ("Image", Html.Of($"<code>{detail.Make?.Spec.Image ?? "–"}</code>")),
            ("Epochs", Html.Of($"<code>{route.SessionEpoch}</code> · <code>{route.MachineEpoch}</code>")),
            ("This month", month is null ? Html.Of($"–") : Html.Of($"${month.Money.Total:0.00}, ${month.Saving:0.00} saved by sleeping; awake {Words.Span(TimeSpan.FromSeconds(month.Use.AwakeSeconds))}, active {Words.Span(TimeSpan.FromSeconds(month.Use.ActiveSeconds))}")),
            ("Shared with", detail.SharedWith.Count == 0 ? Html.Of($"nobody") : Html.Join(detail.SharedWith, id => Html.Of($"<a href=\"{ConsolePaths.Of(id)}\">{id}</a> "))),
        ];
        return Html.Of($"""<h2>Everything known</h2><dl class="facts">{Html.Join(facts, fact => Html.Of($"<div><dt>{fact.Name}</dt><dd>{fact.Value}</dd></div>"))}</dl>""");
    }

    private static Html Since(DateTimeOffset? at, DateTimeOffset now) => at > DateTimeOffset.UnixEpoch ? Html.Of($", {Words.Ago(at, now)}") : Html.Empty;

    private static Html Visits(RouteDetail detail, DateTimeOffset now) => Html.Of($"""
        <h2>Visits and timers</h2>
        {(detail.Visits.Count == 0 ? Html.Of($"<p class=\"note\">Nobody is on it.</p>") : Html.Of($"""
            <table class="plain"><thead><tr><th scope="col">Replica</th><th scope="col" class="n">Requests</th><th scope="col" class="n">Sockets, streams</th><th scope="col">Let in by</th><th scope="col">Last activity</th></tr></thead>
            <tbody>{Html.Join(detail.Visits, visit => Html.Of($"<tr><th scope=\"row\"><code>{visit.Replica}</code></th><td class=\"n\">{visit.Requests}</td><td class=\"n\">{visit.Sockets}</td><td>{Credentials(visit)}</td><td>{Words.Ago(visit.LastActivity, now)}</td></tr>"))}</tbody></table>
            """))}
        <dl class="facts">
        <div><dt>Idle after</dt><dd>{Words.Span(TimeSpan.FromSeconds(detail.Timers.IdleAfterSeconds))}</dd></div>
        <div><dt>Attached for</dt><dd>{Words.Span(TimeSpan.FromSeconds(detail.Timers.AttachedForSeconds))}</dd></div>
        <div><dt>Not idle before</dt><dd>{(detail.Timers.NotIdleBefore is { } due ? Words.Ago(due, now) : Html.Of($"not watched"))}</dd></div>
        </dl>
        {(detail.LastWake is { } wake ? LastWake(wake, now) : Html.Empty)}
        """);

    private static string Credentials(OpenVisitsView visit) => (visit.BySignIn, visit.ByToken) switch
    {
        (0, 0) => "–",
        (var browsers, 0) => string.Create(CultureInfo.InvariantCulture, $"{browsers} sign-in"),
        (0, var programs) => string.Create(CultureInfo.InvariantCulture, $"{programs} token"),
        var (browsers, programs) => string.Create(CultureInfo.InvariantCulture, $"{browsers} sign-in, {programs} token"),
    };

    private static Html LastWake(RouteCause wake, DateTimeOffset now) => Html.Of($"""
        <h3>Last wake</h3>
        <p class="note">{Words.Ago(wake.At, now)}, for a {Words.Plain(wake.What)}: {Html.Join(wake.Timing!, part => Html.Of($"{part.Key} <b>{Words.Seconds(part.Value)}</b> "))}</p>
        """);

    private static Html Causes(RouteWhy why) => Html.Of($"""
        <h2>Why: the last {Words.Number(why.Causes.Count)} causes</h2>
        {(why.Causes.Count == 0 ? Html.Of($"<p class=\"note\">None was recorded yet.</p>") : Html.Of($"""
            <table class="routes"><caption class="spoken">Causes, the latest first</caption>
            <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">The rule</th><th scope="col">Replica</th></tr></thead>
            <tbody>{Html.Join(why.Causes, Cause)}</tbody></table>
            """))}
        """);

    private static Html Cause(RouteCause cause) => Html.Of($"""
        <tr><td data-label="When">{Words.At(cause.At)}</td><th scope="row"><span class="kind">{cause.Kind}</span> {Words.Plain(cause.What)}{(cause.Times > 1 ? string.Create(CultureInfo.InvariantCulture, $" ×{cause.Times}") : "")}</th>
        <td data-label="The rule">{cause.Rule ?? "–"}</td><td data-label="Replica"><code>{cause.Replica ?? "–"}</code></td></tr>
        """);
}
