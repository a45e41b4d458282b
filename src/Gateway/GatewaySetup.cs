using System.Net;
using System.Security.Cryptography;
using System.Text;
using Gateway.Identity;
using Gateway.Identity.Assertions;
using Gateway.Idling;
using Gateway.Operations;
using Gateway.Operations.Costs;
using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Gateway.Redis;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Configuration;

namespace Gateway;

/// <summary>What joins the rooms into one host: the request path, and the few places where one room serves another without knowing it.</summary>
internal static class GatewaySetup
{
    public static void UseGatewayDefaults(this WebApplicationBuilder builder)
    {
        // The host's own request logs write query strings, an authorization code among them; YARP's write every URL.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        // As long as its logs are wanted at all, the host makes an activity and a scope for each request. The server itself logs what goes wrong in one.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
        builder.Logging.AddFilter("System.Net.Http", LogLevel.Warning);
        builder.Logging.AddFilter("Polly", LogLevel.Error);
        builder.Logging.AddFilter("Yarp", LogLevel.Warning);
        // The ports are the rooms' own settings; a server told two things listens on one of them and warns.
        builder.WebHost.UseSetting(WebHostDefaults.ServerUrlsKey, "");
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Services.AddRouting();
    }

    public static IServiceCollection AddWorkspaceRequests(this IServiceCollection services)
    {
        services.AddSingleton<WorkspaceRequest>();
        services.AddSingleton<RequestTracing>();
        services.AddSingleton<WorkspaceProgress>();
        services.AddSingleton<WorkspaceEvents>();
        services.AddSingleton<WorkspaceUse>();
        services.AddSingleton<VisitWaker>();
        services.AddSingleton<Shutdown>();
        services.AddHostedService(static provider => provider.GetRequiredService<Shutdown>());
        services.AddSingleton<IReadinessProbe, WorkspaceProbe>();
        services.AddSingleton<ISocketsOfMachine, MachineSockets>();
        services.AddSingleton(new OwnCookies(IdentityCookies.IsOurs));
        services.AddSignInsInRedis(static provider => provider.GetRequiredService<RedisConnection>().Database, static provider => KeysOf(provider.GetRequiredService<MapKeys>()));
        services.AddSingleton(static provider => new HopMarker(PseudonymOf(provider.GetRequiredService<IOptions<WorkspaceOptions>>().Value.NameKey)));
        services.AddAssertions(static provider => provider.GetRequiredService<RedisConnection>().Database);
        services.AddSingleton(static provider => new RouteSources
        {
            LastActivityAsync = provider.GetRequiredService<IVisitMap>().LastActivityAsync,
            LookAgainAsync = (machine, token) => LookAgainAsync(provider.GetRequiredService<IVisitMap>(), machine, provider.GetRequiredService<TimeProvider>().GetUtcNow(), token),
            OnChanged = changed => Hear(provider.GetRequiredService<ChangeFeed>(), changed),
            Known = () => ([.. provider.GetRequiredService<RouteTable>().Snapshot], provider.GetRequiredService<RedisConnection>().SinceContact),
            Wake = session => provider.GetRequiredService<WakesAhead>().Wake(session, WakeCause.Operator),
        });
        services.AddSingleton<WakesAhead>();
        services.AddSingleton<PrepareMachine>(static provider => provider.GetRequiredService<WorkspaceUpgrade>().PrepareAsync);
        services.AddHostedService<RevokedAccess>();
        services.AddHostedService<StoppedSockets>();
        return services;
    }

    /// <summary>Behind Fly's proxy every connection is the proxy's. Only the one header that the proxy sets itself is believed, and only when it is one address.</summary>
    public static void UseClientAddress(this WebApplication app)
    {
        var header = app.Services.GetRequiredService<IOptions<ProxyingOptions>>().Value.ClientAddressHeader;
        if (header.Length == 0)
        {
            return;
        }

        app.Use((context, next) =>
        {
            if (!OperationsListener.IsOperations(context) && context.Request.Headers[header] is [{ } text] && IPAddress.TryParse(text, out var address))
            {
                context.Connection.RemoteIpAddress = address;
            }

            return next(context);
        });
    }

    /// <summary>
    /// Where a warm request leaves the pipeline: its credential is known, so no handler need judge it, and it is for the workspace, so no route need be
    /// looked for. Everything else goes on, on threads that may be blocked, and comes to the same <see cref="WorkspaceRequest"/> by its endpoint.
    /// </summary>
    public static void UseKnownCredentials(this WebApplication app)
    {
        var known = app.Services.GetRequiredService<KnownCredentials>();
        var request = app.Services.GetRequiredService<WorkspaceRequest>();
        // Routes that an operator configured beside the workspaces' are to be found by routing.
        var configured = app.Services.GetServices<IProxyConfigProvider>().ToArray();
        var endpoint = new Lazy<Endpoint>(() => app.Services.GetRequiredService<EndpointDataSource>().Endpoints.Single(static one => one.Metadata.GetMetadata<WorkspaceRoute>() is not null));
        app.Use((context, next) =>
        {
            if (!EdgeGuard.IsForWorkspace(context) || Array.Exists(configured, static one => one.GetConfig().Routes.Count > 0) || known.Find(context) is not { } caller)
            {
                return SocketThreads.LeaveAsync(context, next);
            }

            context.User = caller.Principal;
            context.Features.Set(caller);
            // What the server's metrics name the route by.
            context.SetEndpoint(endpoint.Value);
            return request.HandleAsync(context);
        });
        app.UseRouting();
    }

    /// <summary>The catch-all: it loses to every explicit route, so nothing of the gateway's own can be shadowed by a workspace.</summary>
    public static void MapWorkspaceRequests(this WebApplication app)
    {
        var visits = app.Services.GetRequiredService<Visits>();
        app.Services.GetRequiredService<RouteTable>().InUse = machine => visits.Of(machine) is { Open: > 0 };
        app.Services.GetRequiredService<MachineWaker>().Woken = visits.Begin;
        visits.Retired = app.Services.GetRequiredService<UseMeter>().Left;
        var changes = app.Services.GetRequiredService<IdentityChanges>();
        var feed = app.Services.GetRequiredService<ChangeFeed>();
        feed.OtherChanged += changes.Hear;
        feed.Missed += changes.Missed;
        feed.Missed += app.Services.GetRequiredService<AssertionKeyRing>().Doubt;
        var ahead = app.Services.GetRequiredService<WakesAhead>();
        app.Services.GetRequiredService<IdentityEvents>().SignedIn = ahead.Wake;

        WorkspaceEvents.Map(app);
        WorkspaceUse.Map(app);
        var trail = app.Services.GetRequiredService<Trail>();
        app.Services.GetRequiredService<MachineWaker>().Ended = trail.Woken;
        app.Services.GetRequiredService<IdleSweeper>().Decided = trail.Decided;
        app.Services.GetRequiredService<IdleStop>().FellAsleep = app.Services.GetRequiredService<UpgradeAtSleep>().FellAsleep;

        var request = app.Services.GetRequiredService<WorkspaceRequest>();
        var known = app.Services.GetRequiredService<KnownCredentials>();
        app.Map("/{**path}", context =>
        {
            var caller = Caller.Authenticated(context);
            context.Features.Set(caller);
            known.Remember(context, caller);
            return SocketThreads.ReturnAsync(context, request.HandleAsync);
        }).RequireAuthorization(IdentityPolicies.Workspace).WithMetadata(new WorkspaceRoute());
    }

    /// <summary>Marks the one endpoint through which workspaces are reached.</summary>
    private sealed class WorkspaceRoute;

    /// <summary>The name key is the one thing that all replicas of a gateway share and no other gateway has. What is made of it tells nothing of it.</summary>
    private static string PseudonymOf(string nameKey) =>
        "gateway-" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(nameKey), "hop"u8))[..12];

    private static async Task LookAgainAsync(IVisitMap visits, MachineId machine, DateTimeOffset now, CancellationToken cancellationToken)
    {
        // Reports only ever move the moment forward.
        await visits.ForgetDueAsync(machine, DateTimeOffset.MaxValue, cancellationToken);
        await visits.ReportAsync([new IdleReport(machine, now, DateTimeOffset.UnixEpoch)], cancellationToken);
    }

    private static void Hear(ChangeFeed feed, Action changed)
    {
        feed.SessionChanged += (_, _) => changed();
        feed.MachineChanged += (_, _) => changed();
    }

    private static IdentityKeys KeysOf(MapKeys map) => new(map.Prefix, map.Sequence, map.Changes);
}

/// <summary>Ends what is open on a machine for idling: sockets with 1001, going away.</summary>
internal sealed class MachineSockets(OpenSockets sockets, OpenAnswers answers) : ISocketsOfMachine
{
    private const ushort GoingAway = 1001;

    public Task CloseAsync(MachineId machine, CancellationToken cancellationToken)
    {
        answers.CutMachine(machine);
        return sockets.CloseMachineAsync(machine, GoingAway, "Your workspace went to sleep because nothing passed for a while.");
    }
}

/// <summary>
/// Wakes a machine before anybody asks for it: at sign-in, so that it boots while the browser is on its way back, and for an operator. A visit is open
/// meanwhile, so that idling knows of the machine from its first moment.
/// </summary>
internal sealed class WakesAhead(RouteTable routes, WorkspaceProvisioner provisioner, VisitWaker waker, Visits visits, IOptions<WakingOptions> options, IHostApplicationLifetime lifetime)
{
    /// <summary>Returns at once; a user without a machine gets theirs at the first request.</summary>
    public void Wake(UserId user) => _ = WakeAsync(user);

    public void Wake(Session session, WakeCause cause) => _ = WakeAsync(session, cause);

    /// <summary>The user's workspace is being made, and whoever asked for it is not held any longer: it is woken all the same when it is there.</summary>
    public void WakeOnceMade(UserId user) => _ = WakeOnceMadeAsync(user);

    private async Task WakeOnceMadeAsync(UserId user)
    {
        try
        {
            if (await provisioner.EnsureAssignedAsync(user, options.Value.WakeLimit, lifetime.ApplicationStopping) is ProvisionOutcome.Assigned { Session: var session })
            {
                await WakeAsync(session, WakeCause.Navigation);
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway is leaving.
        }
    }

    private async Task WakeAsync(UserId user)
    {
        try
        {
            if (await routes.FindAsync(user, lifetime.ApplicationStopping) is { Route.Session: { State: SessionState.Assigned } session })
            {
                await WakeAsync(session, WakeCause.SignIn);
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway is leaving.
        }
    }

    private async Task WakeAsync(Session session, WakeCause cause)
    {
        if (session.Machine is not { } machine)
        {
            return;
        }

        using var visit = visits.Open(machine, socket: false, counts: true);
        try
        {
            var wake = new WakeRequest(session.App, machine, session.User, cause);
            if (await waker.EnsureAwakeAsync(visit, wake, options.Value.WakeLimit, lifetime.ApplicationStopping) is WakeOutcome.Awake awake)
            {
                awake.Answered();
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway is leaving; another replica takes the wake over.
        }
    }
}
