using System.Globalization;
using Gateway.Provisioning;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Costs;

/// <summary><c>/api/costs</c> and what is below it.</summary>
internal static class CostEndpoints
{
    public static Task MonthAsync(HttpContext context, CostLedger costs, ISessionMap map, TimeProvider time) => WithMonthAsync(context, time, async month =>
    {
        if (!context.Request.Query.TryGetValue("user", out var user))
        {
            await context.Response.WriteAsJsonAsync(await costs.MonthAsync(month, context.RequestAborted), CostJson.Default.MonthCosts);
            return;
        }

        if (user.ToString().Length == 0 || await map.FindSessionAsync(new UserId(user.ToString()), context.RequestAborted) is not { } session)
        {
            await RouteEndpoints.RefuseAsync(context, RouteEndpoints.NoSuchRoute);
            return;
        }

        await context.Response.WriteAsJsonAsync(await costs.UserAsync(month, session, context.RequestAborted), CostJson.Default.UserCosts);
    });

    /// <summary>Written page by page: the first one is read before the answer begins, and one that cannot be read later cuts the answer off rather than ending it as if it were whole.</summary>
    public static Task CsvAsync(HttpContext context, CostLedger costs, TimeProvider time) => WithMonthAsync(context, time, async month =>
    {
        try
        {
            await foreach (var page in costs.AllAsync(month, context.RequestAborted))
            {
                if (!context.Response.HasStarted)
                {
                    context.Response.ContentType = "text/csv; charset=utf-8; header=present";
                    context.Response.Headers.ContentDisposition = string.Create(CultureInfo.InvariantCulture, $"attachment; filename=\"costs-{month}.csv\"");
                    await context.Response.WriteAsync(CostCsv.Header, context.RequestAborted);
                }

                await context.Response.WriteAsync(CostCsv.Write(page), context.RequestAborted);
            }
        }
        catch (SessionMapUnavailableException) when (context.Response.HasStarted)
        {
            context.Abort();
        }
    });

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

    /// <summary>The month that the query names, the present one when it names none; null: none that is kept.</summary>
    public static LedgerMonth? MonthOf(IQueryCollection query, DateTimeOffset now)
    {
        var present = LedgerMonth.Of(now);
        return query["month"].ToString() is not { Length: > 0 } text
            ? present
            : LedgerMonth.TryParse(text) is { } month && month.First <= present.First && month.First > present.First.AddMonths(-LedgerMonth.Kept) ? month : null;
    }

    public static string BadMonth(DateTimeOffset now) => string.Create(CultureInfo.InvariantCulture,
        $"month must be one from {LedgerMonth.Of(LedgerMonth.Of(now).First.AddMonths(1 - LedgerMonth.Kept))} to {LedgerMonth.Of(now)}");

    private static Task WithMonthAsync(HttpContext context, TimeProvider time, Func<LedgerMonth, Task> answer) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        if (MonthOf(context.Request.Query, time.GetUtcNow()) is not { } month)
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-query", "The query cannot be read", BadMonth(time.GetUtcNow())));
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        await answer(month);
    });
}
