using System.Globalization;
using Gateway.Operations.Costs;
using Gateway.Provisioning;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Console;

/// <summary>What a month will cost, for figures that whoever reads it fills in. Works without script.</summary>
internal sealed class CostsPage(ConsoleLayout layout, IOptions<WorkspaceOptions> template, IOptions<CostOptions> prices)
{
    private const int Width = 720;
    private const int Height = 220;
    private const int Left = 60;
    private const int Bottom = 190;
    private const int Top = 12;

    private static readonly int[] Hours = [0, 4, 8, 12, 16, 20, 24];

    public Task WriteAsync(HttpContext context)
    {
        var (asked, faults) = PlanQuery.Parse(context.Request.Query, template.Value, prices.Value);
        var shown = asked ?? PlanQuery.Default(template.Value, prices.Value);
        return layout.WriteAsync(context, new ConsoleView("Costs", ConsolePaths.Costs, Html.Of($"""
            <h1>Costs</h1>
            {(faults.Count == 0 ? Html.Empty : Html.Of($"<p class=\"card wrong\" role=\"alert\">Not worked out: {string.Join("; ", faults)}. Below is the usual plan.</p>"))}
            {Form(shown)}
            {Plan(CostPlan.Of(shown, prices.Value))}
            """)) { Status = faults.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest });
    }

    private Html Form(PlanQuery asked) => Html.Of($"""
        <form class="filters plan" method="get" action="{ConsolePaths.Costs}" aria-label="The plan">
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
        var totals = Hours.Select(hours => CostPlan.Of(plan.Asked with { HoursPerDay = hours }, prices.Value).Month.Total).ToList();
        var most = Math.Max(totals.Max(), 0.01m);
        var line = string.Join(' ', Hours.Select((hours, i) => $"{X(hours)},{Y(totals[i], most)}"));
        var spoken = string.Join(", ", Hours.Select((hours, i) => $"{hours} h {Dollars(totals[i])}"));
        return Html.Of($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Plot">
            <svg class="timeline" viewBox="0 0 {Width} {Height}" role="img" aria-label="Dollars a month by hours awake a day: {spoken}">
            {Html.Join([0m, most / 2, most], dollars => Html.Of($"<line class=\"t-hour\" x1=\"{Left}\" x2=\"{Width - 10}\" y1=\"{Y(dollars, most)}\" y2=\"{Y(dollars, most)}\"/><text x=\"{Left - 6}\" y=\"{Y(dollars, most)}\" text-anchor=\"end\">{Dollars(decimal.Round(dollars))}</text>"))}
            {Html.Join(Hours, hours => Html.Of($"<text x=\"{X(hours)}\" y=\"{Bottom + 18}\" text-anchor=\"middle\">{hours} h</text>"))}
            <polyline class="cost-line" points="{line}"/>
            <circle class="cost-here" cx="{X(plan.Asked.HoursPerDay)}" cy="{Y(plan.Month.Total, most)}" r="5"><title>{plan.Asked.HoursPerDay} h a day, {Dollars(plan.Month.Total)} a month</title></circle>
            </svg>
            </div>
            """);
    }

    private static string X(decimal hours) => Coordinate(Left + (hours / PlanQuery.WholeDay * (Width - Left - 20)));

    private static string Y(decimal dollars, decimal most) => Coordinate(Bottom - (dollars / most * (Bottom - Top)));

    private static string Coordinate(decimal value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private static string Dollars(decimal dollars) => "$" + dollars.ToString("N2", CultureInfo.InvariantCulture);
}
