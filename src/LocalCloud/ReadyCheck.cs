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
        using var client = new HttpClient { Timeout = AnswerLimit };
        await WaitAsync(client, addresses, cancellation);
    }

    internal static async Task WaitAsync(HttpMessageInvoker client, IReadOnlyList<Uri> addresses, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        var since = time.GetTimestamp();
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

    private static async Task<bool> AnswersAsync(HttpMessageInvoker client, Uri address, CancellationToken cancellation)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            using var response = await client.SendAsync(request, cancellation);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception exception) when (exception is HttpRequestException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return false;
        }
    }
}
