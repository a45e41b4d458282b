using System.Net;

namespace LocalCloud;

/// <summary>Asks until every address answers 200, for a bounded time.</summary>
internal static class ReadyCheck
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    public static async Task WaitAsync(IReadOnlyList<Uri> addresses, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        var since = time.GetTimestamp();
        using var client = new HttpClient { Timeout = AnswerLimit };
        foreach (var address in addresses)
        {
            while (!await AnswersAsync(client, address, cancellation))
            {
                if (time.GetElapsedTime(since) > Limit)
                {
                    throw new LocalCloudException($"{address} did not answer 200 within {Limit.TotalSeconds:0} seconds");
                }

                await Task.Delay(Pause, time, cancellation);
            }
        }
    }

    private static async Task<bool> AnswersAsync(HttpClient client, Uri address, CancellationToken cancellation)
    {
        try
        {
            using var response = await client.GetAsync(address, cancellation);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
