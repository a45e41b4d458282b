using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Gateway.Machines;

/// <summary>The Machines API over HTTP: one method a call, no policy beyond its rates and retries, every answer a result.</summary>
internal sealed partial class MachinesClient(
    HttpClient http,
    MachinesRates rates,
    MachinesMetrics metrics,
    TimeProvider time,
    ILogger<MachinesClient> logger) : IMachines
{
    /// <summary>The name of the <see cref="HttpClient"/> and its pipeline.</summary>
    public const string Name = "machines";

    private const string NonceHeader = "fly-machine-lease-nonce";
    private const string CursorHeader = "fly-next-cursor";
    private const int PageSize = 500;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    public async Task<MachinesResult<MachinePage>> ListAsync(string app, IReadOnlyDictionary<string, string> metadata, string? cursor, CancellationToken cancellationToken)
    {
        var query = new StringBuilder($"?limit={PageSize}");
        foreach (var (key, value) in metadata)
        {
            query.Append("&metadata.").Append(Uri.EscapeDataString(key)).Append('=').Append(Uri.EscapeDataString(value));
        }

        if (cursor is not null)
        {
            query.Append("&cursor=").Append(Uri.EscapeDataString(cursor));
        }

        var next = default(string);
        var answer = await SendAsync(
            MachinesCall.List, app, HttpMethod.Get, $"{Machines(app)}{query}", null, null, MachinesJson.Default.ListMachineJson, cancellationToken,
            response => next = response.Headers.TryGetValues(CursorHeader, out var values) ? values.FirstOrDefault() : null);
        return answer.IsOk ? new MachinePage(answer.Value.ConvertAll(static machine => machine.ToMachine()), string.IsNullOrEmpty(next) ? null : next) : answer.Failure;
    }

    public Task<MachinesResult<Machine>> GetAsync(string app, MachineId machine, CancellationToken cancellationToken) =>
        MachineAsync(MachinesCall.Get, machine.Value, HttpMethod.Get, Machine(app, machine), null, null, cancellationToken);

    public Task<MachinesResult<Machine>> CreateAsync(string app, NewMachine machine, bool launch, CancellationToken cancellationToken)
    {
        var body = new CreateMachineJson(machine.Name, machine.Region, machine.Config, launch ? null : true);
        return MachineAsync(MachinesCall.Create, app, HttpMethod.Post, Machines(app), Json(body, MachinesJson.Default.CreateMachineJson), null, cancellationToken);
    }

    public Task<MachinesResult<Machine>> UpdateAsync(string app, MachineId machine, MachineConfig config, string currentVersion, string? nonce, bool launch, CancellationToken cancellationToken)
    {
        var body = new UpdateMachineJson(config, currentVersion, launch ? null : true);
        return MachineAsync(MachinesCall.Update, machine.Value, HttpMethod.Post, Machine(app, machine), Json(body, MachinesJson.Default.UpdateMachineJson), nonce, cancellationToken);
    }

    public Task<MachinesResult<Done>> StartAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        DoAsync(MachinesCall.Start, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/start", null, nonce, cancellationToken);

    public Task<MachinesResult<Done>> StopAsync(string app, MachineId machine, TimeSpan? grace, string? nonce, CancellationToken cancellationToken)
    {
        var body = new StopJson(grace is { } limit ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(limit.TotalSeconds)}s") : null);
        return DoAsync(MachinesCall.Stop, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/stop", Json(body, MachinesJson.Default.StopJson), nonce, cancellationToken);
    }

    public Task<MachinesResult<Done>> SuspendAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        DoAsync(MachinesCall.Suspend, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/suspend", null, nonce, cancellationToken);

    public Task<MachinesResult<Done>> WaitAsync(string app, MachineId machine, string state, string? version, TimeSpan timeout, CancellationToken cancellationToken)
    {
        // Outside 1 to 60 the API answers 400.
        var seconds = Math.Clamp((int)Math.Ceiling(timeout.TotalSeconds), 1, (int)LongestWait.TotalSeconds);
        var query = string.Create(CultureInfo.InvariantCulture, $"?state={state}&timeout={seconds}");
        if (!string.IsNullOrEmpty(version))
        {
            query += "&version=" + Uri.EscapeDataString(version);
        }

        return DoAsync(MachinesCall.Wait, machine.Value, HttpMethod.Get, $"{Machine(app, machine)}/wait{query}", null, null, cancellationToken);
    }

    public async Task<MachinesResult<MachineLease>> LeaseAsync(string app, MachineId machine, TimeSpan duration, string description, CancellationToken cancellationToken)
    {
        var body = Json(new LeaseJson((int)Math.Ceiling(duration.TotalSeconds), description), MachinesJson.Default.LeaseJson);
        var answer = await SendAsync(MachinesCall.Lease, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/lease", body, null, MachinesJson.Default.LeaseAnswerJson, cancellationToken);
        if (!answer.IsOk)
        {
            return answer.Failure;
        }

        var lease = answer.Value.Data ?? answer.Value;
        return lease is { Nonce: { Length: > 0 } nonce, ExpiresAt: { } expires }
            ? new MachineLease(nonce, DateTimeOffset.FromUnixTimeSeconds(expires))
            : new MachinesFailure(MachinesFailureKind.Ambiguous, 200, "The lease came without a nonce.");
    }

    public Task<MachinesResult<Done>> ReleaseLeaseAsync(string app, MachineId machine, string nonce, CancellationToken cancellationToken) =>
        DoAsync(MachinesCall.ReleaseLease, machine.Value, HttpMethod.Delete, $"{Machine(app, machine)}/lease", null, nonce, cancellationToken);

    public Task<MachinesResult<Done>> SetMetadataAsync(string app, MachineId machine, string key, string value, CancellationToken cancellationToken) =>
        DoAsync(
            MachinesCall.SetMetadata, machine.Value, HttpMethod.Post, $"{Machine(app, machine)}/metadata/{Uri.EscapeDataString(key)}",
            Json(new MetadataValueJson(value), MachinesJson.Default.MetadataValueJson), null, cancellationToken);

    public Task<MachinesResult<Done>> DestroyAsync(string app, MachineId machine, bool force, string? nonce, CancellationToken cancellationToken) =>
        DoAsync(MachinesCall.Destroy, machine.Value, HttpMethod.Delete, Machine(app, machine) + (force ? "?force=true" : ""), null, nonce, cancellationToken);

    public async Task<MachinesResult<IReadOnlyList<Volume>>> ListVolumesAsync(string app, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(MachinesCall.ListVolumes, app, HttpMethod.Get, Volumes(app), null, null, MachinesJson.Default.ListVolumeJson, cancellationToken);
        return answer.IsOk ? answer.Value.ConvertAll(static volume => volume.ToVolume()) : answer.Failure;
    }

    public Task<MachinesResult<Volume>> GetVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        VolumeAsync(MachinesCall.GetVolume, volume.Value, HttpMethod.Get, Volume(app, volume), null, cancellationToken);

    public Task<MachinesResult<Volume>> CreateVolumeAsync(string app, NewVolume volume, CancellationToken cancellationToken)
    {
        var body = new CreateVolumeJson(volume.Name, volume.Region, volume.SizeGb, Encrypted: true, RequireUniqueZone: false, volume.Guest);
        return VolumeAsync(MachinesCall.CreateVolume, app, HttpMethod.Post, Volumes(app), Json(body, MachinesJson.Default.CreateVolumeJson), cancellationToken);
    }

    public async Task<MachinesResult<Volume>> ExtendVolumeAsync(string app, VolumeId volume, int sizeGb, CancellationToken cancellationToken)
    {
        var body = Json(new ExtendVolumeJson(sizeGb), MachinesJson.Default.ExtendVolumeJson);
        var answer = await SendAsync(MachinesCall.ExtendVolume, volume.Value, HttpMethod.Put, $"{Volume(app, volume)}/extend", body, null, MachinesJson.Default.ExtendedJson, cancellationToken);
        return answer switch
        {
            { IsOk: false } => answer.Failure,
            { Value.Volume: { } extended } => extended.ToVolume(),
            _ => new MachinesFailure(MachinesFailureKind.Unavailable, 200, "The extended volume was not in the answer."),
        };
    }

    public async Task<MachinesResult<IReadOnlyList<VolumeSnapshot>>> ListSnapshotsAsync(string app, VolumeId volume, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(MachinesCall.ListSnapshots, volume.Value, HttpMethod.Get, $"{Volume(app, volume)}/snapshots", null, null, MachinesJson.Default.ListSnapshotJson, cancellationToken);
        return answer.IsOk
            ? answer.Value.ConvertAll(static snapshot => new VolumeSnapshot(snapshot.Id ?? "", snapshot.Size, snapshot.CreatedAt ?? default, snapshot.Status ?? ""))
            : answer.Failure;
    }

    public Task<MachinesResult<Done>> TakeSnapshotAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        DoAsync(MachinesCall.TakeSnapshot, volume.Value, HttpMethod.Post, $"{Volume(app, volume)}/snapshots", null, null, cancellationToken);

    public Task<MachinesResult<Done>> DestroyVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        DoAsync(MachinesCall.DestroyVolume, volume.Value, HttpMethod.Delete, Volume(app, volume), null, null, cancellationToken);

    private async Task<MachinesResult<Machine>> MachineAsync(MachinesCall call, string key, HttpMethod method, string path, HttpContent? body, string? nonce, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(call, key, method, path, body, nonce, MachinesJson.Default.MachineJson, cancellationToken);
        return answer.IsOk ? answer.Value.ToMachine() : answer.Failure;
    }

    private async Task<MachinesResult<Volume>> VolumeAsync(MachinesCall call, string key, HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(call, key, method, path, body, null, MachinesJson.Default.VolumeJson, cancellationToken);
        return answer.IsOk ? answer.Value.ToVolume() : answer.Failure;
    }

    private async Task<MachinesResult<Done>> DoAsync(MachinesCall call, string key, HttpMethod method, string path, HttpContent? body, string? nonce, CancellationToken cancellationToken)
    {
        var answer = await SendAsync<Done>(call, key, method, path, body, nonce, null, cancellationToken);
        return answer.IsOk ? default(Done) : answer.Failure;
    }

    /// <summary>The one way out: its turn under the rates, the call, and whatever came back as a result.</summary>
    private async Task<MachinesResult<T>> SendAsync<T>(
        MachinesCall call,
        string key,
        HttpMethod method,
        string path,
        HttpContent? body,
        string? nonce,
        JsonTypeInfo<T>? type,
        CancellationToken cancellationToken,
        Action<HttpResponseMessage>? read = null)
    {
        var started = time.GetTimestamp();
        var result = await rates.WaitAsync(call, key, cancellationToken)
            ? await SendInTurnAsync(call, method, path, body, nonce, type, read, cancellationToken)
            : new MachinesFailure(MachinesFailureKind.RateLimited, 0, "Too many calls wait for their turn already.") { RetryAfter = TimeSpan.FromSeconds(5) };
        metrics.Called(call, result.Failure, time.GetElapsedTime(started));
        if (result.Failure is { } failure)
        {
            Log.CallFailed(logger, call, key, failure.Status, failure.Kind, failure.Message, failure.RequestId);
        }

        return result;
    }

    private async Task<MachinesResult<T>> SendInTurnAsync<T>(
        MachinesCall call,
        HttpMethod method,
        string path,
        HttpContent? body,
        string? nonce,
        JsonTypeInfo<T>? type,
        Action<HttpResponseMessage>? read,
        CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        request.Options.Set(MachinesResilience.Call, call);
        if (nonce is not null)
        {
            request.Headers.TryAddWithoutValidation(NonceHeader, nonce);
        }

        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                return Failure(call, response, text);
            }

            read?.Invoke(response);
            return type is null ? default(T)! : JsonSerializer.Deserialize(text, type)!;
        }
        catch (BrokenCircuitException)
        {
            return MachinesAnswers.NotSent("The Machines API has been failing; it is left alone for some seconds.");
        }
        catch (JsonException)
        {
            return MachinesAnswers.Unanswered(call, "The answer was not the JSON it should be.");
        }
        catch (Exception exception) when (exception is HttpRequestException or TimeoutRejectedException or IOException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The message of an exception could hold an address, never a header.
            return MachinesAnswers.Unanswered(call, "The Machines API did not answer: " + exception.GetType().Name);
        }
    }

    private MachinesFailure Failure(MachinesCall call, HttpResponseMessage response, string text)
    {
        var (message, word) = ErrorIn(text);
        return MachinesAnswers.Of(call, response.StatusCode, message, word) with
        {
            RetryAfter = MachinesAnswers.RetryAfter(response, time.GetUtcNow()),
            RequestId = response.Headers.TryGetValues("fly-request-id", out var ids) ? ids.FirstOrDefault() : null,
        };
    }

    /// <summary>Errors are JSON, except those that come from before the API: a plain-text 404, a proxy's page.</summary>
    private static (string Message, string? Word) ErrorIn(string text)
    {
        try
        {
            var error = text.StartsWith('{') ? JsonSerializer.Deserialize(text, MachinesJson.Default.ErrorJson) : null;
            return error is null ? (Short(text), null) : (Short(error.Error ?? error.Message ?? text), error.Status);
        }
        catch (JsonException)
        {
            return (Short(text), null);
        }
    }

    private static string Short(string text) => text.Length <= 300 ? text.Trim() : text[..300];

    private static JsonContent Json<T>(T body, JsonTypeInfo<T> type) => JsonContent.Create(body, type);

    private static string Machines(string app) => $"v1/apps/{Uri.EscapeDataString(app)}/machines";

    private static string Machine(string app, MachineId machine) => $"{Machines(app)}/{Uri.EscapeDataString(machine.Value)}";

    private static string Volumes(string app) => $"v1/apps/{Uri.EscapeDataString(app)}/volumes";

    private static string Volume(string app, VolumeId volume) => $"{Volumes(app)}/{Uri.EscapeDataString(volume.Value)}";

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Debug, "{Call} of {Key} failed with {Status} ({Kind}): {Message} [{RequestId}]", EventName = "MachinesCallFailed")]
        public static partial void CallFailed(ILogger logger, MachinesCall call, string key, int status, MachinesFailureKind kind, string message, string? requestId);
    }
}
