using System.Collections.Concurrent;
using System.Net;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>The request target and the header values arrive at the workspace as the bytes that were sent.</summary>
public sealed class TargetTests
{
    /// <summary>Every printable character raw and every byte encoded in both cases, in path and query, and the shapes that URI code likes to tidy.</summary>
    public static TheoryData<string> Groups => ["shapes", "path", "query", "upper", "lower"];

    [Theory]
    [MemberData(nameof(Groups))]
    public async Task Target_ArrivesByteForByte(string group)
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        foreach (var target in TargetsOf(group))
        {
            seen.Clear();
            await gateway.ExchangeAsync($"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

            Assert.Equal(target, Assert.Single(seen).Split(' ')[1]);
        }
    }

    [Theory]
    [InlineData("GET", "http://a/x%2Fy/../z?q=1", "/x%2Fy/../z?q=1")]
    [InlineData("GET", "http://a", "/")]
    [InlineData("OPTIONS", "*", "/")]
    public async Task OtherFormsOfTarget_BecomeAPath(string method, string target, string expected)
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        await gateway.ExchangeAsync($"{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Equal(expected, Assert.Single(seen).Split(' ')[1]);
    }

    [Theory]
    [InlineData("/a%2Fb/%41")]
    [InlineData("/a//b;c=d?x=%20&y=a?b")]
    public async Task TargetOverHttp2_ArrivesByteForByte(string target)
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = new HttpClient();
        var uri = new Uri($"http://127.0.0.1:{gateway.Http2Port}{target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(HttpMethod.Get, uri) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };

        using var answer = await client.SendAsync(request).WaitAsync(ForwardingGateway.Limit);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(target, Assert.Single(seen).Split(' ')[1]);
    }

    [Fact]
    public async Task HeaderValuesBeyondAscii_PassBothWaysAsTheyAre()
    {
        // "é" as UTF-8, as the two characters that its bytes are in Latin-1.
        const string Name = "attachment; filename=\"caf\u00c3\u00a9.txt\"";
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue, $"HTTP/1.1 200 OK\r\nContent-Disposition: {Name}\r\nX-Old: \u00e9\r\nContent-Length: 2\r\n\r\nok");
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync("GET / HTTP/1.1\r\nHost: a\r\nX-Name: caf\u00c3\u00a9\r\nX-Old: \u00e9\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains($"Content-Disposition: {Name}\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("X-Old: \u00e9\r\n", answer, StringComparison.Ordinal);
        var request = Assert.Single(seen);
        Assert.Contains("X-Name: caf\u00c3\u00a9\r\n", request, StringComparison.Ordinal);
        Assert.Contains("X-Old: \u00e9\r\n", request, StringComparison.Ordinal);
    }

    private static IEnumerable<string> TargetsOf(string group) => group switch
    {
        "shapes" => ["/", "//", "///a//b/", "/a%2Fb", "/%41", "/a;b=c;d", "/?", "/?a=b?c", "/??", "/a?", "/%", "/%zz", "/a%", "/.", "/..", "/a/../b", "/a/./b", "/%2e%2e/x", "/a\\b", "/a#b", "/a?b#c", "/:80", "//other/x", "/@", "/a:b@c/d", "/http://x/y"],
        "path" => Printable().Select(character => $"/a{character}b/{character}"),
        "query" => Printable().Select(character => $"/a?b{character}c={character}"),
        "upper" => Bytes().Select(value => $"/a%{value:X2}b?c=%{value:X2}"),
        _ => Bytes().Select(value => $"/a%{value:x2}b?c=%{value:x2}"),
    };

    private static IEnumerable<char> Printable() => Enumerable.Range(0x21, 0x5E).Select(value => (char)value);

    /// <summary>But 0, which the server refuses in a path.</summary>
    private static IEnumerable<int> Bytes() => Enumerable.Range(1, 255);
}
