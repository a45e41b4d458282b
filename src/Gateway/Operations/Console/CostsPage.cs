using System.Globalization;
using Gateway.Operations.Costs;
using Gateway.Provisioning;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Console;

/// <summary>What a month cost, by the ledger, and what one will cost, for figures that whoever reads it fills in. Works without script.</summary>
internal sealed class CostsPage(ConsoleLayout layout, CostLedger costs, IOptions<WorkspaceOptions> template, IOptions<CostOptions> prices, TimeProvider time)
{
    private const int Width = 960;
    private const int Height = 220;
    private const int Left = 60;
    private const int Bottom = 190;
    private const int Top = 12;

    private static readonly int[] Plotted = [0, 4, 8, 12, 16, 20, 24];

    public async Task WriteAsync(HttpContext context)
    {
        var (asked, faults) = PlanQuery.Parse(context.Request.Query, template.Value, prices.Value);
        var now = time.GetUtcNow();
        var month = CostEndpoints.MonthOf(context.Request.Query, now);
        faults = month is null ? [.. faults, CostEndpoints.BadMonth(now)] : faults;
        var ledger = await LedgerAsync(month ?? LedgerMonth.Of(now), now, context.RequestAborted);
        var shown = asked ?? PlanQuery.Default(template.Value, prices.Value);
        await layout.WriteAsync(context, new ConsoleView("Costs", ConsolePaths.Costs, Html.Of($"""
            <h1>Costs</h1>
            {(faults.Count == 0 ? Html.Empty : Html.Of($"<p class=\"card wrong\" role=\"alert\">Not worked out: {string.Join("; ", faults)}. Below is the usual.</p>"))}
            {ledger}
            <h2 id="plan">What a month will cost</h2>
            {Form(shown)}
            {Plan(CostPlan.Of(shown, prices.Value))}
            """)) { Status = faults.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest });
    }

    private async Task<Html> LedgerAsync(LedgerMonth month, DateTimeOffset now, CancellationToken cancellationToken)
    {
        try
        {
            return Ledger(month, await costs.MonthAsync(month, cancellationToken), now);
        }
        catch (SessionMapUnavailableException)
        {
            return Html.Of($"""<p class="card warn" role="alert">Redis does not answer, and the ledger is kept there.</p>""");
        }
    }

    private static Html Ledger(LedgerMonth month, MonthCosts costs, DateTimeOffset now)
    {
        var present = LedgerMonth.Of(now).First;
        var months = Enumerable.Range(0, LedgerMonth.Kept).Select(before => LedgerMonth.Of(present.AddMonths(-before)).ToString());
        return Html.Of($"""
            <form class="filters" method="get" action="{ConsolePaths.Costs}" aria-label="The month">
            <label>Month <select name="month">{Html.Join(months, name => Option(name, name == costs.Month))}</select></label>
            <button class="main">Show</button> <a class="button" id="csv" href="/api/costs.csv?month={month}">By user, as CSV</a>
            </form>
            <div class="cards">
            <section class="card" aria-label="{costs.Month}">
            <h2>{costs.Month}</h2>
            <dl class="figures">
            <div><dt>{(costs.Until < month.End ? "so far" : "in total")}</dt><dd id="ledger-total">{Dollars(costs.Money.Total)}</dd></div>
            <div><dt>the whole month, if it goes on so</dt><dd>{(costs.Projection is { } projection ? Dollars(projection) : "–")}{(costs.Projection > costs.Plan ? Html.Of($" <span class=\"tag bad\">above plan</span>") : Html.Empty)}</dd></div>
            <div><dt>if no machine had slept</dt><dd>{Dollars(costs.AlwaysOn)}</dd></div>
            <div><dt>saved by sleeping</dt><dd>{Dollars(costs.Saving)}</dd></div>
            </dl>
            <p class="note">{Since(month, costs)}</p>
            </section>
            <section class="card" aria-label="What it is made of">
            <h2>What it is made of</h2>
            <dl class="facts">
            <div><dt>Running</dt><dd>{Dollars(costs.Money.Running)}: awake {Hours(costs.Use.AwakeSeconds)} in all, of which active {Hours(costs.Use.ActiveSeconds)} and attached {Hours(costs.Use.AttachedSeconds)}</dd></div>
            <div><dt>Volumes</dt><dd>{Dollars(costs.Money.Volumes)}: {costs.Use.VolumeGbMonths:0.##} GB for a month</dd></div>
            <div><dt>Images</dt><dd>{Dollars(costs.Money.Images)}: {costs.Use.ImageGbMonths:0.##} GB for a month, while stopped {Hours(costs.Use.StoppedSeconds)} and suspended {Hours(costs.Use.SuspendedSeconds)} in all</dd></div>
            <div><dt>Sent out</dt><dd>{Dollars(costs.Money.Egress)}: {costs.Use.EgressBytes / 1e9:0.###} GB</dd></div>
            <div><dt>Wakes</dt><dd>{Words.Number(costs.Use.Wakes)}, {Words.Number(costs.Use.WakesWasted)} of them for nobody</dd></div>
            </dl>
            </section>
            </div>
            <section class="card" aria-label="By day">
            <h2>By day</h2>
            {Days(month, costs.Days)}
            </section>
            <section class="card" aria-label="Awake without use">
            <h2>Awake without use</h2>
            {Idle(costs.IdleButAwake)}
            </section>
            """);
    }

    private static Html Since(LedgerMonth month, MonthCosts costs) => costs.LedgerSince switch
    {
        null => Html.Of($"Nothing was written to the ledger yet."),
        { } since when since > month.First => Html.Of($"The ledger began {Words.At(since)}."),
        _ => Html.Of($"Months and days are UTC's."),
    };

    /// <summary>A bar for each day: what is paid anyway below, what is paid for being awake above.</summary>
    private static Html Days(LedgerMonth month, IReadOnlyList<DayCosts> days)
    {
        var most = Math.Max(days.Count == 0 ? 0 : days.Max(static day => day.Money.Total), 0.01m);
        var slot = (Width - Left - 20m) / DateTime.DaysInMonth(month.Year, month.Month);
        var spoken = days.Count == 0 ? "none" : string.Join(", ", days.Select(static day => string.Create(CultureInfo.InvariantCulture, $"{day.Date.Day}. {Dollars(day.Money.Total)}")));
        return Html.Of($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Plot by day">
            <svg class="timeline" viewBox="0 0 {Width} {Height}" role="img" aria-label="Dollars by day: {spoken}">
            {Html.Join([0m, most / 2, most], dollars => Html.Of($"<line class=\"t-hour\" x1=\"{Left}\" x2=\"{Width - 10}\" y1=\"{Y(dollars, most)}\" y2=\"{Y(dollars, most)}\"/><text x=\"{Left - 6}\" y=\"{Y(dollars, most)}\" text-anchor=\"end\">{Dollars(dollars)}</text>"))}
            {Html.Join(days, day => Bar(day, slot, most))}
            </svg>
            </div>
            <p class="legend"><span><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="cost-awake" width="10" height="10" rx="2"/></svg>running and sent out</span><span><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="cost-kept" width="10" height="10" rx="2"/></svg>volumes and images</span></p>
            """);
    }

    private static Html Bar(DayCosts day, decimal slot, decimal most)
    {
        var (x, kept) = (Left + ((day.Date.Day - 1) * slot), day.Money.Volumes + day.Money.Images);
        var (below, whole) = (kept / most * (Bottom - Top), day.Money.Total / most * (Bottom - Top));
        return Html.Of($"""
            <g><title>{day.Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}: {Dollars(day.Money.Total)}, awake {Hours(day.AwakeSeconds)} in all</title>
            <rect class="cost-kept" x="{Coordinate(x + 1)}" y="{Coordinate(Bottom - below)}" width="{Coordinate(slot - 2)}" height="{Coordinate(below)}"/>
            <rect class="cost-awake" x="{Coordinate(x + 1)}" y="{Coordinate(Bottom - whole)}" width="{Coordinate(slot - 2)}" height="{Coordinate(whole - below)}"/>
            {(day.Date.Day == 1 || day.Date.Day % 5 == 0 ? Html.Of($"<text x=\"{Coordinate(x + (slot / 2))}\" y=\"{Bottom + 18}\" text-anchor=\"middle\">{day.Date.Day}</text>") : Html.Empty)}</g>
            """);
    }

    private static Html Idle(IReadOnlyList<IdleMachine> machines) => machines.Count == 0
        ? Html.Of($"""<p class="note">No machine ran without use.</p>""")
        : Html.Of($"""
            <table class="routes"><caption class="spoken">The machines that ran without use for the longest</caption>
            <thead><tr><th scope="col">User</th><th scope="col">Without use</th><th scope="col">Awake</th><th scope="col">Wakes</th><th scope="col">Because of</th></tr></thead>
            <tbody>{Html.Join(machines, machine => Html.Of($"""
                <tr><th scope="row">{(machine.Routes.Count == 0 ? Html.Of($"<code>{machine.Machine}</code>") : Html.Join(machine.Routes, id => Html.Of($"<a href=\"{ConsolePaths.Of(id)}\">{id}</a> ")))}</th>
                <td data-label="Without use">{Hours(machine.IdleSeconds)}</td><td data-label="Awake">{Hours(machine.AwakeSeconds)}</td>
                <td data-label="Wakes">{Words.Number(machine.Wakes)}, {Words.Number(machine.WakesWasted)} for nobody</td><td data-label="Because of">{machine.Cause}</td></tr>

                """))}</tbody></table>
            """);

    private Html Form(PlanQuery asked) => Html.Of($"""
        <form class="filters plan" method="get" action="{ConsolePaths.Costs}#plan" aria-label="The plan">
        {Field("users", "Users", asked.Users, "1")}
        {Field("hours_per_day", "Hours awake a day", asked.HoursPerDay, "any")}
        <label>Region <select name="region">{Html.Join(prices.Value.Markups.Keys.Order(StringComparer.Ordinal), region => Option(region, region == asked.Region))}</select></label>
        <label>CPU <select name="cpu_kind">{Option("shared", asked.CpuKind == "shared")}{Option("performance", asked.CpuKind == "performance")}</select></label>
        {Field("cpus", "CPUs", asked.Cpus, "1")}
        {Field("memory_mb", "Memory in MB", asked.MemoryMb, "1")}
        {Field("volume_gb", "Volume in GB", asked.VolumeGb, "any")}
        {Field("image_gb", "Unpacked image in GB", asked.ImageGb, "any")}
        {Field("egress_gb", "Sent out a month in GB", asked.EgressGb, "any")}
        <button class="main">Work it out</button>
        </form>
        """);

    private static Html Field(string name, string label, decimal value, string step) =>
        Html.Of($"""<label>{label} <input type="number" name="{name}" value="{value}" min="0" step="{step}" required></label>""");

    private static Html Option(string value, bool chosen) => Html.Of($"""<option{(chosen ? Html.Of($" selected") : Html.Empty)}>{value}</option>""");

    private Html Plan(CostPlan plan) => Html.Of($"""
        <div class="cards">
        <section class="card" aria-label="The month">
        <h2>A month</h2>
        <dl class="figures">
        <div><dt>in total</dt><dd id="plan-total">{Dollars(plan.Month.Total)}</dd></div>
        <div><dt>for each user</dt><dd>{Dollars(plan.PerUser)}</dd></div>
        <div><dt>if no machine ever slept</dt><dd>{Dollars(plan.AlwaysOn)}</dd></div>
        <div><dt>saved by sleeping</dt><dd>{Dollars(plan.Saving)}</dd></div>
        </dl>
        </section>
        <section class="card" aria-label="Its parts">
        <h2>Its parts</h2>
        <ul class="sums">{Html.Join(plan.Sums, sum => Html.Of($"<li>{sum}</li>"))}</ul>
        </section>
        </div>
        <section class="card" aria-label="By hours awake">
        <h2>By hours awake a day</h2>
        {Plot(plan)}
        </section>
        <p class="note">Prices are the section <code>Costs</code> of the configuration. The gateway's own machines, snapshots and certificates are not in it.</p>
        """);

    /// <summary>The total is a straight line over the hours; two bands below it, what is paid anyway and what is paid for being awake.</summary>
    private Html Plot(CostPlan plan)
    {
        var totals = Plotted.Select(hours => CostPlan.Of(plan.Asked with { HoursPerDay = hours }, prices.Value).Month.Total).ToList();
        var most = Math.Max(totals.Max(), 0.01m);
        var line = string.Join(' ', Plotted.Select((hours, i) => $"{X(hours)},{Y(totals[i], most)}"));
        var spoken = string.Join(", ", Plotted.Select((hours, i) => $"{hours} h {Dollars(totals[i])}"));
        return Html.Of($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Plot">
            <svg class="timeline" viewBox="0 0 {Width} {Height}" role="img" aria-label="Dollars a month by hours awake a day: {spoken}">
            {Html.Join([0m, most / 2, most], dollars => Html.Of($"<line class=\"t-hour\" x1=\"{Left}\" x2=\"{Width - 10}\" y1=\"{Y(dollars, most)}\" y2=\"{Y(dollars, most)}\"/><text x=\"{Left - 6}\" y=\"{Y(dollars, most)}\" text-anchor=\"end\">{Dollars(decimal.Round(dollars))}</text>"))}
            {Html.Join(Plotted, hours => Html.Of($"<text x=\"{X(hours)}\" y=\"{Bottom + 18}\" text-anchor=\"middle\">{hours} h</text>"))}
            <polyline class="cost-line" points="{line}"/>
            <circle class="cost-here" cx="{X(plan.Asked.HoursPerDay)}" cy="{Y(plan.Month.Total, most)}" r="5"><title>{plan.Asked.HoursPerDay} h a day, {Dollars(plan.Month.Total)} a month</title></circle>
            </svg>
            </div>
            """);
    }

    private static string X(decimal hours) => Coordinate(Left + (hours / PlanQuery.WholeDay * (Width - Left - 20)));

    private static string Y(decimal dollars, decimal most) => Coordinate(Bottom - (dollars / most * (Bottom - Top)));

    private static string Coordinate(decimal value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>Sums over many machines: days would hide what they differ by.</summary>
    private static string Hours(long seconds) => (seconds / 3600.0).ToString(seconds < 36_000 ? "0.#" : "N0", CultureInfo.InvariantCulture) + " h";

    private static string Dollars(decimal dollars) => "$" + dollars.ToString("N2", CultureInfo.InvariantCulture);
}
