using System.Globalization;
using System.Text;
using Microsoft.Extensions.Options;

namespace Gateway.Machines;

/// <summary>The Machines API over HTTP: one method a call, no policy beyond its rates and retries, every answer a result.</summary>
internal sealed partial class MachinesClient(
    HttpClient http,
    IOptions<MachinesOptions> options,
    MachinesMetrics metrics,
    TimeProvider time,
    ILogger<MachinesClient> logger) : IMachines
{
    /// <summary>The name of the <see cref="HttpClient"/> and its pipeline.</summary>
    public const string Name = "machines";

    private const int PageSize = 500;

    /// <summary>Outside 1 to 60 the API answers 400.</summary>
    private const int LongestWait = 60;

    /// <summary>The platform kills after 300 s whatever it is asked.</summary>
    private const int LongestGrace = 300;

    public async Task<MachinesResult<MachinePage>> ListAsync(string app, IReadOnlyDictionary<string, string> metadata, string? cursor, CancellationToken cancellationToken)
    {
        var query = new StringBuilder(Machines(app)).Append(CultureInfo.InvariantCulture, $"?limit={PageSize}");
        foreach (var (key, value) in metadata)
        {
            query.Append("&metadata.").Append(Uri.EscapeDataString(key)).Append('=').Append(Uri.EscapeDataString(value));
        }

        if (cursor is not null)
        {
            query.Append("&cursor=").Append(Uri.EscapeDataString(cursor));
        }

        var answer = await SendAsync(new Request(MachinesCall.List, app, HttpMethod.Get, query.ToString()), MachinesJson.Default.ListMachineJson, cancellationToken);
        return answer switch
        {
            { IsOk: false } => answer.Failure,
            { Value.Body: var machines } when machines?.Exists(static machine => machine is not { Id.Length: > 0 }) is true => Unreadable(MachinesCall.List),
            { Value: var page } => new MachinePage(page.Body?.ConvertAll(static machine => machine.ToMachine()) ?? [], page.Cursor),
        };
    }

    public Task<MachinesResult<Machine>> GetAsync(string app, MachineId machine, CancellationToken cancellationToken) =>
        MachineAsync(new Request(MachinesCall.Get, machine.Value, HttpMethod.Get, Machine(app, machine)), cancellationToken);

    public Task<MachinesResult<Machine>> CreateAsync(string app, NewMachine machine, bool launch, CancellationToken cancellationToken)
    {
        var body = new CreateMachineJson(machine.Name, machine.Region, machine.Config, launch ? null : true);
        return MachineAsync(
            new Request(MachinesCall.Create, app, HttpMethod.Post, Machines(app)) { Body = Json(body, MachinesJson.Default.CreateMachineJson) },
            cancellationToken);
    }

    public Task<MachinesResult<Machine>> UpdateAsync(string app, MachineId machine, MachineConfig config, string currentVersion, string? nonce, bool launch, CancellationToken cancellationToken)
    {
        var body = new UpdateMachineJson(config, currentVersion, launch ? null : true);
        return MachineAsync(
            new Request(MachinesCall.Update, machine.Value, HttpMethod.Post, Machine(app, machine)) { Body = Json(body, MachinesJson.Default.UpdateMachineJson), Nonce = nonce },
            cancellationToken);
    }

    public Task<MachinesResult<Done>> StartAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        DoAsync(new Request(MachinesCall.Start, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/start") { Nonce = nonce }, cancellationToken);

    public Task<MachinesResult<Done>> StopAsync(string app, MachineId machine, TimeSpan? grace, string? nonce, CancellationToken cancellationToken)
    {
        // A Go duration; prose of the documentation calls it seconds, and nanoseconds elsewhere.
        var body = new StopJson(grace is { } limit ? string.Create(CultureInfo.InvariantCulture, $"{Seconds(limit, 0, LongestGrace)}s") : null);
        return DoAsync(
            new Request(MachinesCall.Stop, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/stop") { Body = Json(body, MachinesJson.Default.StopJson), Nonce = nonce },
            cancellationToken);
    }

    public Task<MachinesResult<Done>> SuspendAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        DoAsync(new Request(MachinesCall.Suspend, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/suspend") { Nonce = nonce }, cancellationToken);

    public Task<MachinesResult<Done>> WaitAsync(string app, MachineId machine, string state, string? version, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var seconds = Seconds(timeout, 1, LongestWait);
        var path = string.Create(CultureInfo.InvariantCulture, $"{Machine(app, machine)}/wait?state={Uri.EscapeDataString(state)}&timeout={seconds}");
        if (!string.IsNullOrEmpty(version))
        {
            path += "&version=" + Uri.EscapeDataString(version);
        }

        return DoAsync(new Request(MachinesCall.Wait, machine.Value, HttpMethod.Get, path) { Waits = TimeSpan.FromSeconds(seconds) }, cancellationToken);
    }

    public async Task<MachinesResult<MachineLease>> LeaseAsync(string app, MachineId machine, TimeSpan duration, string description, CancellationToken cancellationToken)
    {
        var body = Json(new LeaseJson(Seconds(duration, 1, int.MaxValue), description), MachinesJson.Default.LeaseJson);
        var answer = await SendAsync(
            new Request(MachinesCall.Lease, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/lease") { Body = body },
            MachinesJson.Default.LeaseAnswerJson,
            cancellationToken);
        if (!answer.IsOk)
        {
            return answer.Failure;
        }

        var lease = answer.Value.Body?.Data ?? answer.Value.Body;
        return lease is { Nonce: { Length: > 0 } nonce, ExpiresAt: { } expires }
            ? new MachineLease(nonce, DateTimeOffset.FromUnixTimeSeconds(expires))
            : Unreadable(MachinesCall.Lease);
    }

    public Task<MachinesResult<Done>> ReleaseLeaseAsync(string app, MachineId machine, string nonce, CancellationToken cancellationToken) =>
        DoAsync(new Request(MachinesCall.ReleaseLease, machine.Value, HttpMethod.Delete, $"{Machine(app, machine)}/lease") { Nonce = nonce }, cancellationToken);

    public Task<MachinesResult<Done>> SetMetadataAsync(string app, MachineId machine, string key, string value, CancellationToken cancellationToken) =>
        DoAsync(
            new Request(MachinesCall.SetMetadata, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/metadata/{Uri.EscapeDataString(key)}")
            {
                Body = Json(new MetadataValueJson(value), MachinesJson.Default.MetadataValueJson),
            },
            cancellationToken);

    public Task<MachinesResult<Done>> DestroyAsync(string app, MachineId machine, bool force, string? nonce, CancellationToken cancellationToken) =>
        DoAsync(new Request(MachinesCall.Destroy, machine.Value, HttpMethod.Delete, Machine(app, machine) + (force ? "?force=true" : "")) { Nonce = nonce }, cancellationToken);

    private async Task<MachinesResult<Machine>> MachineAsync(Request request, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(request, MachinesJson.Default.MachineJson, cancellationToken);
        return answer switch
        {
            { IsOk: false } => answer.Failure,
            { Value.Body: { Id.Length: > 0 } machine } => machine.ToMachine(),
            _ => Unreadable(request.Call),
        };
    }

    private async Task<MachinesResult<Done>> DoAsync(Request request, CancellationToken cancellationToken)
    {
        var answer = await SendAsync<Done>(request, null, cancellationToken);
        return answer.IsOk ? default(Done) : answer.Failure;
    }

    private static int Seconds(TimeSpan span, int least, int most) => (int)Math.Clamp(Math.Ceiling(span.TotalSeconds), least, most);

    private static string Machines(string app) => $"v1/apps/{Uri.EscapeDataString(app)}/machines";

    private static string Machine(string app, MachineId machine) => $"{Machines(app)}/{Uri.EscapeDataString(machine.Value)}";
}
