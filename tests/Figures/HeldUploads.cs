using System.Globalization;
using System.Net.Sockets;

namespace Figures;

/// <summary>Large uploads held for a machine that boots: what the transport takes of them before anybody has asked for it.</summary>
internal static class HeldUploads
{
    private const int Clients = 200;
    private const int Size = 60 * 1024 * 1024;
    private const double MostMegabytes = 40;

    private static readonly TimeSpan Held = TimeSpan.FromSeconds(8);

    public static async Task<IReadOnlyList<Reading>> TakeAsync()
    {
        await using var stage = await Stage.SetAsync(static _ => { }, 1);
        var token = stage.TokenOf("alice");
        var machine = await stage.GiveMachineAsync("alice");
        await stage.WarmAsync();
        machine.BootDelay = Held * 4;

        await ProcessMemory.SettleAsync(stage.Gateway.Id);
        await using var memory = ProcessMemory.Watch(stage.Gateway.Id);
        using var over = new CancellationTokenSource(Held, TimeProvider.System);
        var sent = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => UploadAsync(stage.Gateway.Url, token, over.Token)));

        var growth = memory.Growth / 1024.0 / 1024;
        var held = sent.Count(static bytes => bytes is > 0 and < Size);
        return
        [
            new($"uploads of 60 MB held for {Held.TotalSeconds} s, of {Clients}", $"{held}", $"{Clients}", held == Clients),
            new("growth of the gateway's memory by them", string.Create(CultureInfo.InvariantCulture, $"{growth:0.0} MB"), $"< {MostMegabytes} MB", growth < MostMegabytes),
        ];
    }

    /// <summary>How much of the body was taken until the time was over; 0 when an answer came first.</summary>
    private static async Task<long> UploadAsync(Uri gateway, string token, CancellationToken over)
    {
        using var request = new Request(gateway, token, "/upload");
        await request.BeginAsync("POST", $"Content-Type: application/octet-stream\r\nContent-Length: {Size}\r\n", CancellationToken.None);
        var answer = request.AnswerAsync(over);
        var piece = new byte[64 * 1024];
        var sent = 0L;
        try
        {
            for (; sent < Size; sent += piece.Length)
            {
                await request.SendAsync(piece, over);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // The time is over, or the gateway has refused.
        }

        await Task.WhenAny(answer);
        return answer.IsCompletedSuccessfully ? 0 : sent;
    }
}
