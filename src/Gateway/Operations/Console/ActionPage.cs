using System.Globalization;
using Gateway.Identity;
using Gateway.Identity.Access;
using Gateway.Sessions;

namespace Gateway.Operations.Console;

/// <summary>
/// Asks before an action is carried out, and says what it means; then carries it out on the very state that was decided on. A page of its own and no dialog:
/// it works without script, and is read from the top by whoever listens to it.
/// </summary>
internal sealed class ActionPage(
    ConsoleLayout layout, ConsoleForms forms, RouteListing listing, RouteDossier dossier, RouteActions actions, OperatorStop stop, OperatorUpgrade upgrade, RouteSources sources, UserAccess access, TimeProvider time)
{
    private static readonly (int Hours, string Text)[] Pins = [(1, "1 hour"), (8, "8 hours"), (24, "1 day"), (168, "7 days")];

    public Task AskAsync(HttpContext context, string id, ConsoleAction action) => WithAsync(context, id, found => WriteAsync(context, action, found, null, StatusCodes.Status200OK));

    public Task ActAsync(HttpContext context, string id, ConsoleAction action) => WithAsync(context, id, async found =>
    {
        if (await forms.ReadAsync(context) is not { } form)
        {
            return;
        }

        if (form["etag"] != found.Route.ETag)
        {
            await WriteAsync(context, action, found, "The route changed since you read it. This is how it is now; decide anew.", StatusCodes.Status412PreconditionFailed);
            return;
        }

        if (await CarryOutAsync(action, found, form, context.RequestAborted) is { } refusal)
        {
            await WriteAsync(context, action, found, $"{refusal.Title}. {refusal.Detail}", refusal.Status);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = $"{ConsolePaths.Of(found.Route.Id)}?done={action.Name}";
    });

    private async Task<Refusal?> CarryOutAsync(ConsoleAction action, FoundRoute found, IFormCollection form, CancellationToken cancellationToken)
    {
        var shared = form["shared"] == "true";
        switch (action.Name)
        {
            case "wake":
                return Wake(found);
            case "stop":
                return await stop.BeginAsync(found, OperatorWish.Stop, shared, cancellationToken);
            case "suspend":
                return await stop.BeginAsync(found, OperatorWish.Suspend, shared, cancellationToken);
            case "restart":
                return await stop.BeginAsync(found, OperatorWish.Restart, shared, cancellationToken);
            case "upgrade":
                return (await upgrade.RunAsync(found.Session, null, shared, cancellationToken)).Refusal;
            case "pin":
                var hours = Pins.Select(static pin => pin.Hours).FirstOrDefault(hours => form["hours"] == hours.ToString(CultureInfo.InvariantCulture));
                return await actions.PinAsync(found, time.GetUtcNow().AddHours(hours), cancellationToken);
            case "unpin":
                return await actions.PinAsync(found, null, cancellationToken);
            case "drain":
                return await actions.CloseAsync(found, closed: true, cancellationToken);
            case "undrain":
                return await actions.CloseAsync(found, closed: false, cancellationToken);
            case "kick":
                await access.EndAllAsync(found.Session.User);
                return null;
            default:
                throw new ArgumentOutOfRangeException(nameof(action), action.Name, "An action that nothing carries out.");
        }
    }

    private Refusal? Wake(FoundRoute found)
    {
        if (found.Session is not { State: SessionState.Assigned, Machine: not null })
        {
            return RouteEndpoints.NoMachineYet(found.Route.State);
        }

        sources.Wake(found.Session);
        return null;
    }

    private async Task WithAsync(HttpContext context, string id, Func<FoundRoute, Task> then)
    {
        try
        {
            if (await RouteEndpoints.FindAsync(id, listing, context.RequestAborted) is { } found)
            {
                await then(found);
                return;
            }

            await RefusalResponse.WriteAsync(context, RouteEndpoints.NoSuchRoute);
        }
        catch (Exception away) when (away is SessionMapUnavailableException or SignInStoreUnavailableException && !context.Response.HasStarted)
        {
            await RefusalResponse.WriteAsync(context, RouteEndpoints.MapUnavailable);
        }
    }

    private async Task WriteAsync(HttpContext context, ConsoleAction action, FoundRoute found, string? wrong, int status)
    {
        var route = found.Route;
        var detail = await dossier.DetailAsync(found, context.RequestAborted);
        await layout.WriteAsync(context, new ConsoleView($"{action.Verb} {route.User}", ConsolePaths.Start, Html.Of($"""
            <nav class="crumbs" aria-label="Where you are"><a href="/">Routes</a> / <a href="{ConsolePaths.Of(route.Id)}">{route.User}</a> / {action.Verb}</nav>
            <div class="card ask">
            <h1>{action.Question(route.User)}</h1>
            {(wrong is null ? Html.Empty : Html.Of($"<p class=\"card wrong\" role=\"alert\">{wrong}</p>"))}
            <p>{Words.State(route.State)} {Open(detail)}</p>
            <p>{action.Means}</p>
            <form method="post" action="{ConsolePaths.Of(route.Id)}/{action.Name}">
            {forms.HiddenField(context)}<input type="hidden" name="etag" value="{route.ETag}">
            {(action == ConsoleActions.Pin ? Html.Of($"<p><label>For <select name=\"hours\">{Html.Join(Pins, pin => Html.Of($"<option value=\"{pin.Hours}\">{pin.Text}</option>"))}</select></label></p>") : Html.Empty)}
            {(action.OfMachine && detail.SharedWith.Count > 0 ? Html.Of($"<p><label><input type=\"checkbox\" name=\"shared\" value=\"true\" required> Also for the {detail.SharedWith.Count} others who share the machine: {string.Join(", ", detail.SharedWith.Take(5))}</label></p>") : Html.Empty)}
            <p class="buttons"><button class="{(action.Cuts ? "danger" : "main")}">{action.Verb}</button> <a class="button" href="{ConsolePaths.Of(route.Id)}">Leave it</a></p>
            </form>
            </div>
            """)) { Status = status });
    }

    private static string Open(RouteDetail detail)
    {
        var (requests, sockets) = (detail.Visits.Sum(static visit => visit.Requests), detail.Visits.Sum(static visit => visit.Sockets));
        return requests + sockets == 0 ? "Nobody is on it." : string.Create(CultureInfo.InvariantCulture, $"{requests} requests and {sockets} sockets or streams are open.");
    }
}
