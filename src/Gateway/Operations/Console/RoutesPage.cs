using System.Globalization;
using Gateway.Idling;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Gateway.Operations.Console;

/// <summary>The table of routes, and above it how the whole is doing. Costs by what it shows, not by how many routes there are.</summary>
internal sealed class RoutesPage(
    ConsoleLayout layout, RouteListing listing, KnownRoutes known, IRouteIndex index, WakeFigures wakes, DriftList drifts, HeldRequests held, Visits visits, Replica replica,
    IOptions<OperationsOptions> options, TimeProvider time)
{
    private const int Rows = 50;

    private static readonly (string Value, string Text)[] Orders = [("user", "Name"), ("-last_activity", "Latest activity"), ("last_activity", "Longest inactive")];
    private static readonly (string Value, string Text)[] Inactive = [("", "Any"), ("1", "1 hour"), ("24", "1 day"), ("168", "7 days"), ("720", "30 days")];

    public async Task WriteAsync(HttpContext context)
    {
        var asked = Read(context.Request.Query);
        var (query, fault) = RouteQuery.Parse(ToQuery(asked), options.Value);
        var figures = Unavailable;
        Html table;
        if (query is null)
        {
            table = Html.Of($"""<p class="card wrong" role="alert">The address cannot be read: {fault}.</p>""");
        }
        else
        {
            try
            {
                var page = listing.ListAsync(query, context.RequestAborted);
                figures = await FiguresAsync(asked, context.RequestAborted);
                table = Table(await page, asked);
            }
            catch (SessionMapUnavailableException)
            {
                table = Html.Of($"{Away(known.List(query))}{(known.List(query) is { } list ? Table(list, asked) : Html.Empty)}");
            }
        }

        await layout.WriteAsync(context, new ConsoleView("Routes", ConsolePaths.Start, Html.Of($"""
            <h1>Routes</h1>
            <div id="figures" data-live>{figures}</div>
            <section class="card" aria-label="Table of routes">
            {Filters(asked)}
            <div id="table" data-live>{table}</div>
            </section>
            """)) { Status = query is null ? StatusCodes.Status400BadRequest : StatusCodes.Status200OK, Watches = "*" });
    }

    private static Html Unavailable => Html.Of($"""<p class="note">No figures: they are kept in Redis.</p>""");

    private static Html Away(RouteList? list) => Html.Of($"""
        <p class="card warn" role="alert">Redis does not answer. {(list is null ? "This replica knows no route by itself." : string.Create(CultureInfo.InvariantCulture, $"These are the routes this replica knows by itself, as of {list.AgeSeconds} s ago."))}</p>
        """);

    private static Asked Read(IQueryCollection query) => new(
        query["q"].ToString().Trim(), query["state"].ToString(), query["inactive"].ToString(), query["sort"].ToString() is { Length: > 0 } sort ? sort : "user", query["cursor"].ToString());

    private QueryCollection ToQuery(Asked asked)
    {
        var values = new Dictionary<string, StringValues> { ["limit"] = Rows.ToString(CultureInfo.InvariantCulture), ["sort"] = asked.Sort };
        if (asked.Prefix.Length > 0)
        {
            values["user"] = asked.Prefix + "*";
        }

        if (asked.State.Length > 0)
        {
            values["state"] = asked.State;
        }

        if (asked.Inactive.Length > 0)
        {
            // What is no number is left to be refused where all else is.
            values["inactive_since"] = int.TryParse(asked.Inactive, NumberStyles.None, CultureInfo.InvariantCulture, out var hours) && hours < 100_000
                ? time.GetUtcNow().AddHours(-hours).ToString("O", CultureInfo.InvariantCulture)
                : asked.Inactive;
        }

        if (asked.Cursor.Length > 0)
        {
            values["cursor"] = asked.Cursor;
        }

        return new QueryCollection(values);
    }

    private async Task<Html> FiguresAsync(Asked asked, CancellationToken cancellationToken)
    {
        // Pipelined: each is one short read, however many routes there are.
        var all = index.CountUsersAsync(null, "", cancellationToken);
        var byState = RouteState.All.Select(async state => (State: state, Routes: await index.CountUsersAsync(state, "", cancellationToken))).ToList();
        var machines = index.CountMachinesAsync(cancellationToken);
        var woken = wakes.ReadAsync(cancellationToken);
        var drift = (await drifts.ReadAsync(cancellationToken)).Count;
        var states = await Task.WhenAll(byState);
        return Figures(asked, await all, states, await woken, await machines, drift);
    }

    private Html Figures(Asked asked, long all, IReadOnlyList<(string State, long Routes)> states, WakeTimes woken, IReadOnlyList<MachineCount> machines, int drift)
    {
        return Html.Of($"""
            <nav class="states" aria-label="Routes by state">
            <a href="/"{Chosen(asked.State.Length == 0)}><b>{Words.Number(all)}</b> all</a>
            {Html.Join(states.Where(static state => state.Routes > 0), state => Html.Of($"<a href=\"/?state={state.State}\"{Chosen(asked.State == state.State)} data-state=\"{state.State}\"><b>{Words.Number(state.Routes)}</b> {state.State}</a>"))}
            </nav>
            <div class="cards">
            {Wakes(woken)}
            {Regions(machines)}
            {Here(drift)}
            </div>
            """);
    }

    private static Html Chosen(bool chosen) => chosen ? Html.Of($" aria-current=\"true\"") : Html.Empty;

    private static Html Wakes(WakeTimes times)
    {
        if (times.Since is null)
        {
            return Html.Of($"""<section class="card"><h2>Time to awake</h2><p class="note">Nothing was woken lately.</p></section>""");
        }

        var bars = times.Bars().ToList();
        var most = bars.Max(static bar => bar.Count);
        return Html.Of($"""
            <section class="card"><h2>Time to awake</h2>
            <p class="note">{Words.Number(times.Sorted.Count)} wakes since {Words.At(times.Since)} · median <b>{Words.Seconds(times.At(0.5))}</b> · 95 % within <b>{Words.Seconds(times.At(0.95))}</b></p>
            <table class="bars"><caption class="spoken">Wakes by the time they took</caption>
            <tbody>{Html.Join(bars, bar => Bar(bar.End is { } end ? "≤ " + end.ToString(CultureInfo.InvariantCulture) + " s" : "> 30 s", bar.Count, most))}</tbody></table>
            </section>
            """);
    }

    private static Html Regions(IReadOnlyList<MachineCount> machines)
    {
        var regions = machines.Where(static count => count.Machines > 0).GroupBy(static count => count.Region, StringComparer.Ordinal)
            .Select(static region => (Name: region.Key.Length == 0 ? "–" : region.Key, All: region.Sum(static count => count.Machines), Awake: region.Where(static count => count.State == "awake").Sum(static count => count.Machines)))
            .OrderByDescending(static region => region.All).Take(8).ToList();
        return Html.Of($"""
            <section class="card"><h2>Machines by region</h2>
            {(regions.Count == 0 ? Html.Of($"<p class=\"note\">There is none yet.</p>") : Html.Of($"""
                <table class="plain"><thead><tr><th scope="col">Region</th><th scope="col" class="n">Machines</th><th scope="col" class="n">Awake</th></tr></thead>
                <tbody>{Html.Join(regions, region => Html.Of($"<tr><th scope=\"row\">{region.Name}</th><td class=\"n\">{Words.Number(region.All)}</td><td class=\"n\">{Words.Number(region.Awake)}</td></tr>"))}</tbody></table>
                """))}
            </section>
            """);
    }

    private Html Here(int drift)
    {
        var machines = visits.All.ToList();
        return Html.Of($"""
            <section class="card"><h2>Right now</h2>
            <dl class="figures">
            <div><dt>Held requests</dt><dd>{Words.Number(held.Total)}</dd></div>
            <div><dt>Requests</dt><dd>{Words.Number(machines.Sum(static machine => machine.Requests))}</dd></div>
            <div><dt>Sockets, streams</dt><dd>{Words.Number(machines.Sum(static machine => machine.Lasting))}</dd></div>
            <div><dt><a href="{ConsolePaths.Drift}" id="to-drift">Drift</a></dt><dd>{Words.Number(drift)}</dd></div>
            </dl>
            <p class="note">Requests and sockets are those of replica <code>{replica.Name}</code>, which answers you; drift is everybody's.</p>
            </section>
            """);
    }

    private static Html Bar(string label, int count, int most) => Html.Of($"""
        <tr><th scope="row">{label}</th><td class="n">{Words.Number(count)}</td><td class="bar-cell" aria-hidden="true"><svg viewBox="0 0 100 10" preserveAspectRatio="none"><rect class="t-use" width="{(most == 0 ? 0 : 100.0 * count / most):0.#}" height="10" rx="1"/></svg></td></tr>
        """);

    private static Html Filters(Asked asked) => Html.Of($"""
        <form class="filters" method="get" action="/" role="search" aria-label="Find routes">
        <label>User begins with <input type="search" name="q" value="{asked.Prefix}" autocomplete="off" spellcheck="false" maxlength="255" aria-keyshortcuts="/"></label>
        <label>State <select name="state">{Options([("", "Any"), .. RouteState.All.Select(static state => (state, state))], asked.State)}</select></label>
        <label>Inactive for <select name="inactive">{Options(Inactive, asked.Inactive)}</select></label>
        <label>Order <select name="sort">{Options(Orders, asked.Sort)}</select></label>
        <button class="main">Show</button>
        </form>
        """);

    private static Html Options(IEnumerable<(string Value, string Text)> choices, string chosen) =>
        Html.Join(choices, choice => Html.Of($"<option value=\"{choice.Value}\"{(choice.Value == chosen ? Html.Of($" selected") : Html.Empty)}>{choice.Text}</option>"));

    private Html Table(RouteList list, Asked asked)
    {
        if (list.Routes.Count == 0)
        {
            return Html.Of($"""<p class="note">{(list.Next is null ? "No route is like that." : "None on this page; there may be more.")}</p>{Pages(list, asked)}""");
        }

        var now = time.GetUtcNow();
        return Html.Of($"""
            <table class="routes"><caption class="spoken">Routes</caption>
            <thead><tr><th scope="col">User</th><th scope="col">State</th><th scope="col">Last activity</th><th scope="col">Region</th><th scope="col">Machine</th></tr></thead>
            <tbody>{Html.Join(list.Routes, route => Row(route, now))}</tbody></table>
            {Pages(list, asked)}
            """);
    }

    private static Html Row(RouteView route, DateTimeOffset now) => Html.Of($"""
        <tr><th scope="row"><a id="route-{route.Id}" href="{ConsolePaths.Of(route.Id)}">{route.User}</a></th>
        <td>{Words.State(route.Id, route.State)}{(route.Closed ? Html.Of($" <span class=\"tag\">closed</span>") : Html.Empty)}{(route.PinnedUntil > now ? Html.Of($" <span class=\"tag\">pinned</span>") : Html.Empty)}</td>
        <td data-label="Last activity">{Words.Ago(route.LastActivity, now)}</td>
        <td data-label="Region">{route.Region ?? "–"}</td>
        <td data-label="Machine"><code>{route.Machine ?? "–"}</code></td></tr>

        """);

    private static Html Pages(RouteList list, Asked asked)
    {
        var first = asked.Cursor.Length > 0 ? Html.Of($"<a class=\"button\" id=\"first\" href=\"{asked.Address(null)}\">First page</a>") : Html.Empty;
        var next = list.Next is { } cursor ? Html.Of($"<a class=\"button\" id=\"next\" rel=\"next\" href=\"{asked.Address(cursor)}\">Next page</a>") : Html.Empty;
        return first.IsEmpty && next.IsEmpty ? Html.Empty : Html.Of($"""<nav class="pages" aria-label="Pages">{first}{next}</nav>""");
    }

    /// <summary>What the address says.</summary>
    private sealed record Asked(string Prefix, string State, string Inactive, string Sort, string Cursor)
    {
        public string Address(string? cursor)
        {
            var values = new (string Name, string? Value)[] { ("q", Prefix), ("state", State), ("inactive", Inactive), ("sort", Sort == "user" ? "" : Sort), ("cursor", cursor) };
            return QueryHelpers.AddQueryString("/", values.Where(static pair => !string.IsNullOrEmpty(pair.Value)).Select(static pair => new KeyValuePair<string, string?>(pair.Name, pair.Value)));
        }
    }
}
