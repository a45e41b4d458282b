using Gateway.Provisioning;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Costs;

/// <summary><c>/api/costs/plan</c>.</summary>
internal static class CostEndpoints
{
    /// <summary>Asks nobody: what a month would cost is known before there is a machine.</summary>
    public static Task PlanAsync(HttpContext context, IOptions<WorkspaceOptions> template, IOptions<CostOptions> prices)
    {
        var (asked, faults) = PlanQuery.Parse(context.Request.Query, template.Value, prices.Value);
        if (asked is null)
        {
            return RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-query", "The query cannot be read", string.Join("; ", faults)));
        }

        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(CostPlan.Of(asked, prices.Value), CostJson.Default.CostPlan);
    }
}
