using System.Net;

namespace Gateway.FunctionalTests.Identity;

/// <summary>A browser as far as sign-in is concerned: cookies, fetch metadata, and redirects followed one by one.</summary>
internal sealed class Browser : IDisposable
{
    private readonly HttpClient _client;

    public Browser(Uri start)
    {
        Start = start;
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies }) { Timeout = TimeSpan.FromSeconds(30) };
    }

    public Uri Start { get; }

    public CookieContainer Cookies { get; } = new();

    public Task<HttpResponseMessage> NavigateAsync(string path, string site = "none") => NavigateAsync(Raw(Start, path), site);

    public Task<HttpResponseMessage> NavigateAsync(Uri to, string site = "none")
    {
        var request = new HttpRequestMessage(HttpMethod.Get, to);
        request.Headers.Add("Sec-Fetch-Mode", "navigate");
        request.Headers.Add("Sec-Fetch-Dest", "document");
        request.Headers.Add("Sec-Fetch-Site", site);
        request.Headers.Add("Accept", "text/html,*/*;q=0.8");
        return _client.SendAsync(request);
    }

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        request.RequestUri = Raw(Start, request.RequestUri!.OriginalString);
        return _client.SendAsync(request);
    }

    /// <summary>Submits a form as its page would.</summary>
    public Task<HttpResponseMessage> SubmitAsync(string path, Dictionary<string, string> fields, string site = "same-origin")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Raw(Start, path)) { Content = new FormUrlEncodedContent(fields) };
        request.Headers.Add("Sec-Fetch-Mode", "navigate");
        request.Headers.Add("Sec-Fetch-Dest", "document");
        request.Headers.Add("Sec-Fetch-Site", site);
        request.Headers.Add("Accept", "text/html,*/*;q=0.8");
        return _client.SendAsync(request);
    }

    /// <summary>The hidden field that every form of the page carries.</summary>
    public async Task<string> FormFieldAsync(string path)
    {
        using var page = await NavigateAsync(path);
        var html = await page.Content.ReadAsStringAsync();
        return html.Split("name=\"form\" value=\"")[1].Split('"')[0];
    }

    /// <summary>Answers the sign-in that a page asked for by itself, up to the page that the gateway answers with.</summary>
    public async Task<HttpResponseMessage> ConfirmAsync(HttpResponseMessage asked)
    {
        var provider = new Uri(asked.Headers.GetValues("Refresh").Single().Split("url=")[1]);
        using var back = await NavigateAsync(provider, "cross-site");
        return await NavigateAsync(back.Headers.Location!, "cross-site");
    }

    /// <summary>Goes there and on wherever it is sent, at most ten times.</summary>
    public async Task<(HttpResponseMessage Answer, Uri At)> FollowAsync(string path, string site = "none")
    {
        var at = Raw(Start, path);
        for (var hop = 0; hop < 10; hop++)
        {
            var answer = await NavigateAsync(at, hop == 0 ? site : "cross-site");
            if (answer.Headers.Location is not { } location)
            {
                return (answer, at);
            }

            at = location.IsAbsoluteUri ? location : Raw(new Uri(at.GetLeftPart(UriPartial.Authority)), location.OriginalString);
        }

        throw new InvalidOperationException("Redirected in circles.");
    }

    public void Dispose() => _client.Dispose();

    // As written: Uri would tidy the path.
    private static Uri Raw(Uri origin, string path) =>
        new(origin.GetLeftPart(UriPartial.Authority) + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
}
