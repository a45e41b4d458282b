namespace Gateway.Machines;

internal sealed partial class MachinesClient
{
    /// <summary>Far more than any app has: a listing whose cursor never ends is broken, not long.</summary>
    private const int MostPages = 1000;

    public async Task<MachinesResult<IReadOnlyList<Volume>>> ListVolumesAsync(string app, CancellationToken cancellationToken)
    {
        var volumes = new List<Volume>();
        var cursor = default(string);
        for (var page = 0; page < MostPages; page++)
        {
            var path = cursor is null ? Volumes(app) : $"{Volumes(app)}?cursor={Uri.EscapeDataString(cursor)}";
            var answer = await SendAsync(new Request(MachinesCall.ListVolumes, app, HttpMethod.Get, path), MachinesJson.Default.ListVolumeJson, cancellationToken);
            if (!answer.IsOk)
            {
                return answer.Failure;
            }

            var (found, next) = (answer.Value.Body ?? [], answer.Value.Cursor);
            if (found.Exists(static volume => volume is not { Id.Length: > 0 }))
            {
                return Unreadable(MachinesCall.ListVolumes);
            }

            volumes.AddRange(found.Select(static volume => volume.ToVolume()));
            if (next is null)
            {
                return volumes;
            }

            cursor = next;
        }

        return Unreadable(MachinesCall.ListVolumes);
    }

    public Task<MachinesResult<Volume>> GetVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        VolumeAsync(new Request(MachinesCall.GetVolume, volume.Value, HttpMethod.Get, Volume(app, volume)), cancellationToken);

    public Task<MachinesResult<Volume>> CreateVolumeAsync(string app, NewVolume volume, CancellationToken cancellationToken)
    {
        var body = new CreateVolumeJson(volume.Name, volume.Region, volume.SizeGb, Encrypted: true, RequireUniqueZone: false, volume.Guest, volume.Snapshot);
        return VolumeAsync(
            new Request(MachinesCall.CreateVolume, app, HttpMethod.Post, Volumes(app)) { Body = Json(body, MachinesJson.Default.CreateVolumeJson) },
            cancellationToken);
    }

    public async Task<MachinesResult<Volume>> ExtendVolumeAsync(string app, VolumeId volume, int sizeGb, CancellationToken cancellationToken)
    {
        var body = Json(new ExtendVolumeJson(sizeGb), MachinesJson.Default.ExtendVolumeJson);
        var answer = await SendAsync(
            new Request(MachinesCall.ExtendVolume, volume.Value, HttpMethod.Put, $"{Volume(app, volume)}/extend") { Body = body },
            MachinesJson.Default.ExtendedJson,
            cancellationToken);
        return answer switch
        {
            { IsOk: false } => answer.Failure,
            { Value.Body.Volume: { Id.Length: > 0 } extended } => extended.ToVolume(),
            _ => Unreadable(MachinesCall.ExtendVolume),
        };
    }

    public async Task<MachinesResult<IReadOnlyList<VolumeSnapshot>>> ListSnapshotsAsync(string app, VolumeId volume, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(
            new Request(MachinesCall.ListSnapshots, volume.Value, HttpMethod.Get, $"{Volume(app, volume)}/snapshots"), MachinesJson.Default.ListSnapshotJson, cancellationToken);
        return answer.IsOk ? answer.Value.Body?.ConvertAll(static snapshot => snapshot.ToSnapshot()) ?? [] : answer.Failure;
    }

    public Task<MachinesResult<Done>> TakeSnapshotAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        DoAsync(new Request(MachinesCall.TakeSnapshot, volume.Value, HttpMethod.Post, $"{Volume(app, volume)}/snapshots"), cancellationToken);

    public Task<MachinesResult<Done>> DestroyVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        DoAsync(new Request(MachinesCall.DestroyVolume, volume.Value, HttpMethod.Delete, Volume(app, volume)), cancellationToken);

    private async Task<MachinesResult<Volume>> VolumeAsync(Request request, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(request, MachinesJson.Default.VolumeJson, cancellationToken);
        return answer switch
        {
            { IsOk: false } => answer.Failure,
            { Value.Body: { Id.Length: > 0 } volume } => volume.ToVolume(),
            _ => Unreadable(request.Call),
        };
    }

    private static string Volumes(string app) => $"v1/apps/{Uri.EscapeDataString(app)}/volumes";

    private static string Volume(string app, VolumeId volume) => $"{Volumes(app)}/{Uri.EscapeDataString(volume.Value)}";
}
