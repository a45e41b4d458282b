using System.Diagnostics.Metrics;
using System.Reflection;
using Gateway.Identity;
using Gateway.Identity.Assertions;
using Gateway.Idling;
using Gateway.Machines;
using Gateway.Operations;
using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>
/// One gateway process: the product's own services as its program composes them, request path and background work included, with other ends of
/// the wires to Redis, the platform and the machines.
/// </summary>
internal sealed class GatewayProcess : IDisposable
{
    private static readonly IConfiguration NoConfiguration = new ConfigurationBuilder().Build();
    private static readonly MethodInfo Execute = typeof(BackgroundService).GetMethod("ExecuteAsync", BindingFlags.Instance | BindingFlags.NonPublic)!;
    private static readonly string[] CoreRooms = ["Sessions", "Waking", "Idling", "Provisioning", "Reconciling"];
    private static readonly byte[] OneByte = new byte[1];
    // Of all simulated gateways: to sign takes longer than the request that it is for, and decides nothing here.
    private static readonly WorkspaceAssertions Assertions = MakeAssertions();

    private readonly WholeSystem _system;
    private readonly ServiceProvider _services;
    private readonly WorkspaceRequest _requests;
    private readonly Dictionary<Work, HttpContext> _passing = [];
    private readonly HashSet<ClientRequest> _handling = [];

    public GatewayProcess(WholeSystem system, string name)
    {
        (_system, Name, StartedAt) = (system, name, system.World.Now);
        Context = new GatewayContext(system.World);
        Time = new SeededTime(system.World, Context);
        Line = system.Redis.Connect(Context, Time, name);
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(Context);
        try
        {
            _services = Compose().BuildServiceProvider();
            _requests = _services.GetRequiredService<WorkspaceRequest>();
            Wire();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    public string Name { get; }

    public long StartedAt { get; }

    public GatewayContext Context { get; }

    public SeededTime Time { get; }

    public RedisLine Line { get; }

    public bool IsDead => Context.IsDead;

    /// <summary>It reaches no machine.</summary>
    public bool IsIsolated { get; set; }

    /// <summary>When it last could not do its work in time, in the world's ticks.</summary>
    public long TroubledAt { get; set; } = long.MinValue / 2;

    public long ClockMovedAt { get; set; } = long.MinValue / 2;

    /// <summary>What a background service does, in the context of whoever calls: its own start would leave that.</summary>
    public static Task WorkAsync(BackgroundService service) => (Task)Execute.Invoke(service, [CancellationToken.None])!;

    public bool Reaches(string address) => !IsIsolated && address.Length > 0;

    public bool Handles(Func<ClientRequest, bool> which) => _handling.Any(which);

    public void Take(ClientRequest request)
    {
        _handling.Add(request);
        Context.Do(() => _ = HandleAsync(request));
    }

    public void Passing(Work work, HttpContext context) => _passing[work] = context;

    public void Passed(Work work) => _passing.Remove(work);

    /// <summary>Data went through.</summary>
    public void DataPassed(Work work)
    {
        if (_passing.TryGetValue(work, out var context))
        {
            WholeForwarder.Begin(context);
            _ = context.Response.Body.WriteAsync(OneByte, 0, OneByte.Length, CancellationToken.None);
        }
    }

    public void Die()
    {
        Context.Die();
        Line.Redis.Forget(Line);
        _system.Workspaces.Forget(this);
        foreach (var request in _handling.OrderBy(static request => request.Id).ToList())
        {
            request.End(0);
        }

        _handling.Clear();
    }

    public void Dispose() => _services.Dispose();

    private async Task HandleAsync(ClientRequest request)
    {
        var context = request.NewContext();
        var status = 500;
        try
        {
            await _requests.HandleAsync(context);
            status = request.Left.IsCancellationRequested ? 499 : context.Response.StatusCode;
            _system.Promises.Answered(request, context, status);
        }
        catch (Exception exception)
        {
            _system.Promises.Break(5, $"{request} ended in {exception}");
        }

        _handling.Remove(request);
        request.End(status);
    }

    private void Wire()
    {
        var (feed, map) = (_services.GetRequiredService<ChangeFeed>(), (LineSessionMap)_services.GetRequiredService<ISessionMap>());
        feed.SessionChanged += (user, _) => map.Changed(user);
        feed.MachineChanged += (machine, _) => map.Changed(machine);
        feed.Missed += map.AllChanged;
        var visits = _services.GetRequiredService<Visits>();
        _services.GetRequiredService<RouteTable>().InUse = machine => visits.Of(machine) is { Open: > 0 };
        foreach (var service in _services.GetServices<IHostedService>().OfType<BackgroundService>())
        {
            Context.Do(() => _ = RunAsync(service));
        }
    }

    private async Task RunAsync(BackgroundService service)
    {
        try
        {
            await WorkAsync(service);
        }
        catch (Exception exception)
        {
            _system.Promises.Break(5, $"{service.GetType().Name} of {Name} ended, and the process with it: {exception}");
        }
    }

    private ServiceCollection Compose()
    {
        var services = new ServiceCollection();
        services.AddSingleton(NoConfiguration);
        services.AddOptions();
        services.AddSingleton<TimeProvider>(Time);
        services.AddSessions();
        services.AddWaking();
        services.AddProvisioning(static provider => provider.GetRequiredService<MapRebuild>().EnsureListedAsync);
        services.AddReconciling();
        services.AddIdling();
        services.AddProxying();
        services.AddWorkspaceRequests();
        KeepCoreServices(services);

        services.AddSingleton(_system.World.Random);
        services.AddSingleton(new Replica(Name));
        services.AddSingleton<ISessionMap>(new LineSessionMap(Line, Time));
        services.AddSingleton<IVisitMap>(new LineVisitMap(Line));
        services.AddSingleton<IChangeChannel>(Line);
        services.AddSingleton<INotes>(new LineNotes(Line));
        services.AddSingleton<Trail>();
        services.AddSingleton(Assertions);
        services.AddSingleton<IHostApplicationLifetime, EndlessLife>();
        services.AddSingleton<IMachines>(new ReplicaMachines(_system.Machines, new PlatformLine(this, _system)));
        services.AddSingleton<IReadinessProbe>(new WholeProbe(this, _system));
        services.AddSingleton<ISocketsOfMachine>(new WholeSockets(this, _system));
        services.AddSingleton<IHttpForwarder>(provider => new WholeForwarder(this, _system, provider.GetRequiredService<WorkspaceConnections>()));
        services.AddSingleton<IMeterFactory, Meters>();
        services.AddSingleton<ILoggerFactory>(new CountingLog(_system, Name));
        services.AddSingleton(typeof(ILogger<>), typeof(Logger<>));
        _system.Options.AddTo(services);
        return services;
    }

    private static WorkspaceAssertions MakeAssertions()
    {
        var (time, options) = (new FakeTimeProvider(SeededWorld.Beginning), Options.Create(new AssertionOptions()));
        var keys = new AssertionKeyRing(new SharedKeys(), new EphemeralDataProtectionProvider(), options, time, NullLogger<AssertionKeyRing>.Instance);
        // Nothing in it waits: the keys are in memory.
        keys.LoadAsync(CancellationToken.None).GetAwaiter().GetResult();
        return new WorkspaceAssertions(keys, options, Options.Create(new IdentityOptions()), time);
    }

    /// <summary>Of the background services only those of the core; the others have no place in a simulation, or open sockets.</summary>
    private static void KeepCoreServices(ServiceCollection services)
    {
        foreach (var hosted in services.Where(static service => service.ServiceType == typeof(IHostedService)).ToList())
        {
            var type = hosted.ImplementationType ?? hosted.ImplementationFactory?.GetType().GenericTypeArguments[1];
            // The watch for rounds of upgrades asks every three seconds for what no simulated operator ever begins.
            if (type == typeof(UpgradeWatch) || type?.Namespace?.Split('.') is not ["Gateway", var room, ..] || !CoreRooms.Contains(room))
            {
                services.Remove(hosted);
            }
        }
    }

    private sealed class EndlessLife : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => CancellationToken.None;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication()
        {
        }
    }

    /// <summary>Meters are known to the whole process until they are disposed of.</summary>
    private sealed class Meters : IMeterFactory
    {
        private readonly List<Meter> _made = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter(options);
            _made.Add(meter);
            return meter;
        }

        public void Dispose() => _made.ForEach(static meter => meter.Dispose());
    }
}

/// <summary>Counts what gateways log, by name. An error is a bug: what was foreseen is a warning.</summary>
internal sealed class CountingLog(WholeSystem system, string name) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        system.Tally.Count("gateway: " + eventId.Name);

        if (system.World.Reader is not null)
        {
            system.World.Reader($"{TimeSpan.FromTicks(system.World.Now):hh\\:mm\\:ss\\.fffffff} {name} {formatter(state, exception)}");
        }

        if (logLevel >= LogLevel.Error)
        {
            system.Promises.Break(5, $"{name} logged an error: {formatter(state, exception)} {exception}");
        }
    }

    public void Dispose()
    {
    }
}
