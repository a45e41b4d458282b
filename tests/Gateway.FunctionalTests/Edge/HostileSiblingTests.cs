using System.Collections.Concurrent;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>
/// A hostile workspace whose gateway has its credentials at a sibling host, with a user signed in at both in a real browser: of one site, so the browser sends
/// the cookie along with whatever the workspace's page asks.
/// </summary>
public sealed class HostileSiblingTests
{
    [Fact]
    public async Task PersonInABrowser_MakesATokenAtTheCredentialsOrigin_AndAWorkspacesPageMakesNone()
    {
        await using var hostile = await HostileWorkspace.StartBesideCredentialsAsync();
        var tokens = new Uri(hostile.Credentials!, "/.gateway/tokens").ToString();
        await hostile.Page.GotoAsync(tokens);
        await hostile.Page.FillAsync("input[name=label]", "laptop");
        await hostile.Page.ClickAsync("button:has-text('Make token')");
        var made = await hostile.Page.TextContentAsync("code.secret");
        await hostile.Page.GotoAsync(hostile.Origin.ToString());
        var answers = new ConcurrentQueue<IResponse>();
        var unreadable = new ConcurrentQueue<string>();
        hostile.Page.RequestFailed += (_, request) => unreadable.Enqueue(request.Url);
        hostile.Page.Response += (_, answer) =>
        {
            if (answer.Url.StartsWith(hostile.Credentials!.ToString(), StringComparison.Ordinal))
            {
                answers.Enqueue(answer);
            }
        };

        await hostile.Page.EvaluateAsync(
            """
            async tokens => {
              const body = () => new URLSearchParams({ form: 'x', label: 'stolen', days: '30' });
              const quietly = promise => promise.catch(() => {});
              await quietly(fetch(tokens, { credentials: 'include' }));
              await quietly(fetch(tokens, { credentials: 'include', mode: 'no-cors' }));
              await quietly(fetch(tokens, { credentials: 'include', mode: 'no-cors', method: 'POST', body: body() }));
              const image = new Image();
              await new Promise(done => { image.onload = image.onerror = done; image.src = tokens; });
              const frame = document.createElement('iframe');
              frame.name = 'victim';
              await new Promise(done => { frame.onload = done; frame.src = tokens; document.body.append(frame); });
              const form = document.createElement('form');
              form.method = 'post';
              form.action = tokens;
              form.target = 'victim';
              for (const [name, value] of body()) {
                const input = document.createElement('input');
                input.name = name;
                input.value = value;
                form.append(input);
              }
              document.body.append(form);
              await new Promise(done => { frame.onload = done; form.submit(); });
            }
            """,
            tokens);

        Assert.StartsWith("mjd_", made, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Repeat(tokens, 6), unreadable);
        // Of what the page may not have, the browser tells the test the answers to the frame alone.
        Assert.Equal(2, answers.Count);
        Assert.All(answers, static answer => Assert.Equal(403, answer.Status));
        foreach (var answer in answers)
        {
            Assert.Equal("same-site", await answer.Request.HeaderValueAsync("sec-fetch-site"));
        }

        Assert.Contains("gateway.credentials", await answers.First().Request.HeaderValueAsync("cookie"), StringComparison.Ordinal);
        await hostile.Page.GotoAsync(tokens);
        var list = await hostile.Page.ContentAsync();
        Assert.Contains("laptop", list, StringComparison.Ordinal);
        Assert.DoesNotContain("stolen", list, StringComparison.Ordinal);
    }
}
