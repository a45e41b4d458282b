using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Gateway.Identity;
using Gateway.Identity.Access;
using Gateway.Identity.Devices;
using Gateway.Identity.Refreshing;
using Gateway.Identity.Tokens;
using Gateway.Operations;
using Gateway.Sessions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Gateway.FunctionalTests.Identity;

/// <summary>The rooms Identity and Operations in a real Kestrel, with a catch-all where the workspace would be: it tells what it saw.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    /// <summary>Where the room keeps its things in the Redis of a test.</summary>
    public static readonly IdentityKeys Keys = new("{gateway}", "{gateway}:sequence", RedisChannel.Literal("{gateway}:changes"));

    private GatewayHost(WebApplication app, TestAuthority authority, MemorySignInStore store, MemorySessions sessions)
    {
        App = app;
        Authority = authority;
        Store = store;
        Sessions = sessions;
    }

    public WebApplication App { get; }

    public TestAuthority Authority { get; }

    public MemorySignInStore Store { get; }

    public MemorySessions Sessions { get; }

    public ConcurrentQueue<UserId> SignedIn { get; } = new();

    public Uri PublicUrl { get; private set; } = null!;

    public Uri OperationsUrl { get; private set; } = null!;

    /// <param name="settings">Beside those that every host of a test has.</param>
    /// <param name="time">Null: the real one.</param>
    /// <param name="redis">Null: everything is kept in memory.</param>
    /// <param name="sharedAuthority">Another host's provider; null: one of its own.</param>
    /// <param name="rounds">False: what the room does by itself is for the test to begin.</param>
    public static async Task<GatewayHost> StartAsync(Dictionary<string, string?>? settings = null, TimeProvider? time = null, IConnectionMultiplexer? redis = null, TestAuthority? sharedAuthority = null, bool rounds = true)
    {
        var authority = sharedAuthority ?? await TestAuthority.StartAsync();
        var store = new MemorySignInStore();
        var sessions = new MemorySessions();
        var host = new GatewayHost(Build(authority, store, sessions, settings ?? [], time, redis, rounds), authority, store, sessions);
        host.App.Services.GetRequiredService<IdentityEvents>().SignedIn = host.SignedIn.Enqueue;
        await host.App.StartAsync();
        var operations = host.App.Services.GetRequiredService<OperationsListener>().Port!.Value;
        host.PublicUrl = new Uri("http://127.0.0.1:" + PublicPort(host.App).ToString(CultureInfo.InvariantCulture));
        host.OperationsUrl = new Uri("http://127.0.0.1:" + operations.ToString(CultureInfo.InvariantCulture));
        return host;
    }

    public static WebApplication Build(TestAuthority authority, MemorySignInStore store, MemorySessions sessions, Dictionary<string, string?> settings, TimeProvider? time = null, IConnectionMultiplexer? redis = null, bool rounds = true)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(new KeptLog(store.Log));
        builder.Logging.SetMinimumLevel(LogLevel.Trace);
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Identity:Authority"] = authority.Url,
            ["Identity:ClientId"] = TestAuthority.ClientId,
            ["Identity:ClientSecret"] = TestAuthority.ClientSecret,
            ["Identity:Audience"] = TestAuthority.Audience,
            ["Identity:AllowHttpAuthority"] = "true",
            ["Identity:Allow:Users:0"] = "alice",
            ["Operations:Listen"] = "http://127.0.0.1:0",
        });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddRouting();
        builder.Services.AddSingleton<ISessionMap>(sessions);
        builder.Services.AddSingleton<IRouteIndex>(sessions);
        builder.Services.AddSingleton<MemoryHistory>();
        builder.Services.AddSingleton<IRouteHistory>(static provider => provider.GetRequiredService<MemoryHistory>());
        builder.Services.AddSingleton<ILedger, EmptyLedger>();
        builder.Services.AddSingleton<Gateway.Idling.Visits>();
        builder.Services.AddSingleton(Replica.New());
        builder.Services.AddSingleton(new RouteSources { LastActivityAsync = sessions.LastActivityAsync, Wake = sessions.Woken.Enqueue });
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddIdentity();
        if (!rounds)
        {
            builder.Services.Remove(builder.Services.Single(static service => service.ImplementationType == typeof(IdentityRounds)));
        }

        builder.Services.AddOperations();
        if (redis is null)
        {
            builder.Services.AddSingleton<ISignInStore>(store);
            builder.Services.AddSingleton<IRefreshStore, MemoryRefreshStore>();
            builder.Services.AddSingleton<ITokenStore, MemoryTokenStore>();
            builder.Services.AddSingleton<IAccessStore, MemoryAccessStore>();
            builder.Services.AddSingleton<IDeviceStore, NoDeviceStore>();
            builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        }
        else
        {
            builder.Services.AddSignInsInRedis(_ => redis.GetDatabase(), _ => Keys);
        }

        builder.Services.AddSingleton<PublicListener>();
        builder.Services.AddSingleton<Microsoft.Extensions.Options.IConfigureOptions<KestrelServerOptions>>(provider => provider.GetRequiredService<PublicListener>());
        var app = builder.Build();
        app.UseIdentityGuard();
        // As the gateway itself does: what is known of a credential lets the next request in.
        app.Use((context, next) => context.Request.Path.StartsWithSegments("/.gateway", StringComparison.Ordinal) || OperationsListener.IsOperations(context)
            || context.RequestServices.GetRequiredService<KnownCredentials>().Find(context) is not { } caller
            ? next(context)
            : EchoAsync(context, caller, "known"));
        app.UseRouting();
        app.UseIdentity();
        app.MapIdentity();
        app.MapOperations();
        app.Map("/{**path}", context =>
        {
            var caller = Caller.Authenticated(context);
            context.RequestServices.GetRequiredService<KnownCredentials>().Remember(context, caller);
            return EchoAsync(context, caller, "judged");
        }).RequireAuthorization(IdentityPolicies.Workspace);
        return app;
    }

    public Browser NewBrowser() => new(PublicUrl);

    public HttpClient NewProgram(string? token = null, Uri? to = null)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = to ?? PublicUrl, Timeout = TimeSpan.FromSeconds(30) };
        if (token is not null)
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", "Bearer " + token);
        }

        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await App.StopAsync(new CancellationToken(canceled: true));
        await App.DisposeAsync();
        await Authority.DisposeAsync();
    }

    private static int PublicPort(WebApplication app) => app.Services.GetRequiredService<PublicListener>().Port;

    private static Task EchoAsync(HttpContext context, Caller caller, string by)
    {
        context.Response.Headers["X-User"] = caller.User.Value;
        context.Response.Headers["X-Consumed"] = caller.ByHeader.ToString();
        context.Response.Headers["X-Let-In"] = by;
        return context.Response.WriteAsync("workspace of " + caller.User.Value);
    }

    private sealed class PublicListener : Microsoft.Extensions.Options.IConfigureOptions<KestrelServerOptions>
    {
        private ListenOptions? _bound;

        public int Port => _bound!.IPEndPoint!.Port;

        public void Configure(KestrelServerOptions options) => options.Listen(IPAddress.Loopback, 0, listen => _bound = listen);
    }
}

/// <summary>Sign-ins in memory; can be made unreachable.</summary>
internal sealed class MemorySignInStore : ISignInStore
{
    private readonly ConcurrentDictionary<string, byte[]> _signIns = new();
    private readonly ConcurrentDictionary<string, IReadOnlyList<string>> _groups = new();
    private int _reads;

    /// <summary>What the host with this store logged.</summary>
    public ConcurrentQueue<string> Log { get; } = new();

    public bool Reachable { get; set; } = true;

    public int Count => _signIns.Count;

    public IEnumerable<string> Ids => _signIns.Keys;

    public int Reads => Volatile.Read(ref _reads);

    public Task WriteAsync(string id, byte[] signIn, TimeSpan lifetime, IReadOnlyList<string> groups)
    {
        ThrowIfAway();
        _signIns[id] = signIn;
        _groups[id] = groups;
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> GroupAsync(string group) =>
        Task.FromResult<IReadOnlyList<string>>([.. _groups.Where(pair => pair.Value.Contains(group)).Select(static pair => pair.Key)]);

    public Task<bool> RewriteAsync(string id, byte[] before, byte[] signIn, TimeSpan lifetime, bool tells)
    {
        ThrowIfAway();
        return Task.FromResult(_signIns.TryGetValue(id, out var now) && now.AsSpan().SequenceEqual(before) && _signIns.TryUpdate(id, signIn, now));
    }

    public Task<byte[]?> ReadAsync(string id)
    {
        Interlocked.Increment(ref _reads);
        ThrowIfAway();
        return Task.FromResult(_signIns.GetValueOrDefault(id));
    }

    public Task RemoveAsync(string id)
    {
        ThrowIfAway();
        _signIns.TryRemove(id, out _);
        return Task.CompletedTask;
    }

    public Task<bool> IsReachableAsync() => Task.FromResult(Reachable);

    private void ThrowIfAway()
    {
        if (!Reachable)
        {
            throw new SignInStoreUnavailableException("away");
        }
    }
}
