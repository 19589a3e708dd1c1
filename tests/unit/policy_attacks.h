/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicates that must never be believed: ways to a wrong true, to files, sockets, code, endless
 * time and memory. test_policy uses them in one process, test_xml_workers in the real sandbox.
 */
#ifndef BULKHEAD_TESTS_POLICY_ATTACKS_H
#define BULKHEAD_TESTS_POLICY_ATTACKS_H

#define XSL_OPEN                                                                                   \
        "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\""
#define XSL(body) XSL_OPEN ">" body "</xsl:stylesheet>"
#define ROOT(body) XSL("<xsl:template match=\"/\">" body "</xsl:template>")
#define WITH(attributes, body)                                                                     \
        XSL_OPEN " " attributes "><xsl:template match=\"/\">" body "</xsl:template>"               \
                 "</xsl:stylesheet>"
/* True of the projection in these tests, false of an empty one. */
#define HERE "//value[@name='digest']='good'"
#define IF(test)                                                                                   \
        ROOT("<xsl:choose><xsl:when test=\"" test "\"><true/></xsl:when>"                          \
             "<xsl:otherwise><false/></xsl:otherwise></xsl:choose>")
/* body, then what would be a true. */
#define THEN_TRUE(body) ROOT(body "<xsl:if test=\"" HERE "\"><true/></xsl:if>")
#define TRUE "<xsl:template match=\"/\"><xsl:if test=\"" HERE "\"><true/></xsl:if></xsl:template>"
#define EXSLT "xmlns:e=\"http://exslt.org/common\" extension-element-prefixes=\"e\""

/* As many times as there are nodes, for each. */
#define C(inside) "count(//node()[" inside " > 0])"
/* A template that calls another twice, without any XPath. */
#define TWICE(name, other)                                                                         \
        "<xsl:template name=\"" name "\"><xsl:call-template name=\"" other "\"/>"                  \
        "<xsl:call-template name=\"" other "\"/></xsl:template>"

#define EIGHT(a, b)                                                                                \
        TWICE(a "0", a "1")                                                                        \
        TWICE(a "1", a "2")                                                                        \
        TWICE(a "2", a "3")                                                                        \
        TWICE(a "3", a "4")                                                                        \
        TWICE(a "4", a "5") TWICE(a "5", a "6") TWICE(a "6", a "7") TWICE(a "7", b "0")

static const char attack_projection[] =
        "<projection>"
        "<measurement plugin=\"disk\" target=\"disk:/img\" version=\"1\">"
        "<node id=\"disk:/img\" type=\"disk\"><value name=\"digest\">good</value>"
        "<value name=\"size\">4096</value></node></measurement></projection>";

static const char *const attacks[] = {
        /* not the answer, or not the answer alone */
        XSL(""),
        XSL("<xsl:template match=\"/\"/>"),
        ROOT("true"),
        ROOT("&lt;true/>"),
        ROOT("<true/>"), /* whatever it is given */
        IF("not(//value='bad')"),
        THEN_TRUE("text"),
        /* a misspelt attribute, which libxslt passes over: no evil is ever selected */
        THEN_TRUE("<xsl:variable name=\"evil\" selekt=\"//value\"/>"),
        THEN_TRUE("<xsl:apply-templates selekt=\"//nothing\" mode=\"a\"/>"),
        /* no such key: an empty set, says libxslt */
        THEN_TRUE("<xsl:if test=\"key('evil','a')\"><false/></xsl:if>"),
        IF("not(key('evil','a')) and " HERE),
        IF("true()\" tset=\"false()"),
        THEN_TRUE("<xsl:copy use-attribute-sets=\"none\"/>"),
        XSL_OPEN " defautl=\"a\">" TRUE "</xsl:stylesheet>",
        THEN_TRUE("<true/>"),
        THEN_TRUE("<false/>"),
        ROOT("<xsl:if test=\"" HERE "\"><true/><false/></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><true><false/></true></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><true>true</true></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><true a=\"b\"/></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><a><true/></a></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><TRUE/></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><xml:true/></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><xsl:element name=\"true\" namespace=\"urn:a\"/></xsl:if>"),
        ROOT("<xsl:if test=\"" HERE "\"><xsl:element name=\"true\">"
             "<xsl:attribute name=\"a\">b</xsl:attribute></xsl:element></xsl:if>"),
        WITH("xmlns=\"urn:a\"", "<true/>"),
        ROOT("<false><reason>no path</reason></false>"),
        ROOT("<false><reason path=\"a\" more=\"b\"/></false>"),
        ROOT("<false><reason path=\"a\"><b/></reason></false>"),
        ROOT("<false><because/></false>"),
        ROOT("<false>text</false>"),
        ROOT("<false a=\"b\"/>"),
        XSL("<xsl:output method=\"text\"/>" TRUE),
        XSL("<xsl:output method=\"html\"/>" TRUE),
        XSL("<xsl:output method=\"html\"/>"
            "<xsl:template match=\"/\"><html/></xsl:template>"),
        "<true/>",
        "<a xsl:version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"/>",
        "<true xsl:version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"/>",
        /* errors that libxslt is content with */
        THEN_TRUE("<xsl:foo/>"),
        XSL("<xsl:foo/>" TRUE),
        XSL_OPEN " a=\"b\"><xsl:template match=\"/\"><xsl:value-of select=\"foo()\"/>"
                 "</xsl:template></xsl:stylesheet>",
        THEN_TRUE("<xsl:value-of select=\"$nothing\"/>"),
        THEN_TRUE("<xsl:value-of select=\"foo()\"/>"),
        THEN_TRUE("<xsl:call-template name=\"nothing\"/>"),
        THEN_TRUE("<xsl:value-of select=\"]\"/>"),
        THEN_TRUE("<xsl:message>hello</xsl:message>"),
        ROOT("<xsl:if test=\"" HERE "\"><true/><xsl:message terminate=\"yes\"/></xsl:if>"),
        XSL(TRUE "<xsl:template match=\"a[\"/>"),
        XSL(TRUE "<xsl:template/>"),
        XSL("<xsl:variable name=\"a\" select=\"$b\"/><xsl:variable name=\"b\" select=\"$a\"/>"
            "<xsl:template match=\"/\"><xsl:value-of select=\"$a\"/><true/></xsl:template>"),
        "<xsl:stylesheet version=\"2.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">" TRUE
        "</xsl:stylesheet>",
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\">" TRUE
        "</xsl:stylesheet>",
        "<xsl:stylesheet version=\"1.0\" xmlns:xsl=\"http://www.w3.org/TR/WD-xsl\">" TRUE
        "</xsl:stylesheet>",
        /* files and peers */
        XSL("<xsl:import href=\"/etc/passwd\"/>" TRUE),
        XSL("<xsl:include href=\"/etc/passwd\"/>" TRUE),
        XSL("<xsl:import href=\"http://127.0.0.1:9/\"/>" TRUE),
        XSL("<xsl:include href=\"ftp://127.0.0.1:9/\"/>" TRUE),
        THEN_TRUE("<xsl:value-of select=\"document('/etc/passwd')\"/>"),
        THEN_TRUE("<xsl:value-of select=\"document('')\"/>"),
        THEN_TRUE("<xsl:copy-of select=\"document('http://127.0.0.1:9/')\"/>"),
        XSL("<xsl:variable name=\"a\" select=\"document('/etc/passwd')\"/>"
            "<xsl:template match=\"/\"><xsl:copy-of select=\"$a\"/><true/></xsl:template>"),
        THEN_TRUE("<xsl:document href=\"/tmp/bulkhead-attack\"><a/></xsl:document>"),
        THEN_TRUE("<xsl:result-document href=\"/tmp/bulkhead-attack\"><a/></xsl:result-document>"),
        WITH("xmlns:saxon=\"http://icl.com/saxon\" extension-element-prefixes=\"saxon\"",
             "<saxon:output href=\"/tmp/bulkhead-attack\"/><true/>"),
        WITH("xmlns:x=\"org.apache.xalan.xslt.extensions.Redirect\" "
             "extension-element-prefixes=\"x\"",
             "<x:write file=\"/tmp/bulkhead-attack\"/><true/>"),
        WITH("xmlns:xt=\"http://www.jclark.com/xt\" extension-element-prefixes=\"xt\"",
             "<xt:document href=\"/tmp/bulkhead-attack\"/><true/>"),
        WITH(EXSLT, "<e:document href=\"/tmp/bulkhead-attack\"/><true/>"),
        WITH("xmlns:p=\"http://bulkhead.example/plugin\" extension-element-prefixes=\"p\"",
             "<p:load/><true/>"), /* libxslt would look for a shared object of that name */
        ROOT("<x:y xmlns:x=\"urn:x\" xsl:extension-element-prefixes=\"x\"/><true/>"),
        /* forbidden also where it never runs */
        THEN_TRUE("<xsl:if test=\"//nothing\"><xsl:document "
                  "href=\"/tmp/bulkhead-attack\"/></xsl:if>"),
        /* extension functions */
        WITH("xmlns:e=\"http://exslt.org/common\"",
             "<xsl:copy-of select=\"e:node-set('a')\"/><true/>"),
        WITH("xmlns:e=\"http://exslt.org/dynamic\"",
             "<xsl:value-of select=\"e:evaluate('1')\"/><true/>"),
        WITH("xmlns:e=\"http://exslt.org/regular-expressions\"",
             "<xsl:if test=\"e:test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '(a+)+$')\"/><true/>"),
        WITH("xmlns:e=\"http://exslt.org/crypto\"", "<xsl:value-of select=\"e:md5('a')\"/><true/>"),
        WITH("xmlns:s=\"http://icl.com/saxon\"",
             "<xsl:value-of select=\"s:evaluate('1')\"/><true/>"),
        WITH("xmlns:s=\"http://icl.com/saxon\"",
             "<xsl:value-of select=\"s:line-number()\"/><true/>"),
        /* locales are files */
        THEN_TRUE("<xsl:for-each select=\"//value\"><xsl:sort lang=\"de\"/></xsl:for-each>"),
        /* endless */
        XSL("<xsl:template match=\"/\" name=\"a\"><xsl:call-template name=\"a\"/></xsl:template>"),
        XSL("<xsl:template match=\"/\"><xsl:apply-templates select=\"/\"/></xsl:template>"),
        XSL("<xsl:template match=\"/\" name=\"a\"><xsl:param name=\"n\" select=\"40\"/>"
            "<xsl:if test=\"$n &gt; 0\">"
            "<xsl:call-template name=\"a\"><xsl:with-param name=\"n\" select=\"$n - 1\"/>"
            "</xsl:call-template>"
            "<xsl:call-template name=\"a\"><xsl:with-param name=\"n\" select=\"$n - 1\"/>"
            "</xsl:call-template></xsl:if></xsl:template>"),
        XSL("<xsl:variable "
            "name=\"t\">aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "</xsl:variable><xsl:template match=\"/\" name=\"a\"><xsl:param name=\"n\" "
            "select=\"30\"/>"
            "<xsl:for-each select=\"//node() | //@*\"><xsl:for-each select=\"//node() | //@*\">"
            "<xsl:for-each select=\"//node() | //@*\"><xsl:for-each select=\"//node() | //@*\">"
            "<xsl:for-each select=\"//node() | //@*\"><xsl:for-each select=\"//node() | //@*\">"
            "<xsl:if test=\"contains($t, 'b')\"/>"
            "</xsl:for-each></xsl:for-each></xsl:for-each></xsl:for-each></xsl:for-each>"
            "</xsl:for-each><true/></xsl:template>"),
        THEN_TRUE("<xsl:if test=\"" C(C(C(C(C(C(C(C(C(C(C(C("1")))))))))))) "\"/>"),
        XSL("<xsl:template match=\"/\"><xsl:call-template name=\"a0\"/><true/></xsl:template>"
            "<xsl:template name=\"f0\"/>" EIGHT("a", "b") EIGHT("b", "c") EIGHT("c", "d")
                    EIGHT("d", "e") EIGHT("e", "f")), /* 2^40 templates */
        /* huge numbers and formats, which may be slow or overrun something; then no answer */
        THEN_TRUE("<xsl:number value=\"1e300\" format=\"a\"/>"),
        THEN_TRUE("<xsl:number value=\"999999999999\" format=\"I\"/>"),
        THEN_TRUE("<xsl:number value=\"1\" format=\"00000000000000000000000000000000000000000001\" "
                  "grouping-size=\"99999999\" grouping-separator=\",\"/>"),
        THEN_TRUE("<xsl:value-of select=\"format-number(1e308, "
                  "'#,##0.00000000000000000000000000000000000000000000000000000000000000')\"/>"),
        THEN_TRUE("<xsl:value-of select=\"format-number(1, '%%%%;;;;')\"/>"),
        /* shapes of what was once exploitable: freed nodes after a nested evaluation
         * (CVE-2025-24855), excluded prefixes (CVE-2024-55549), nodes of the stylesheet taken for
         * the input's (CVE-2025-7424), addresses told (CVE-2023-40403) */
        XSL("<xsl:key name=\"k\" match=\"value\" use=\"@name\"/>"
            "<xsl:template match=\"/\"><xsl:for-each select=\"//value\">"
            "<xsl:sort select=\"key('k', string(.))\"/>"
            "<xsl:variable name=\"f\"><a><b>1</b></a></xsl:variable>"
            "<xsl:number value=\"count($f | key('k', 'size'))\"/>"
            "<xsl:number level=\"any\" count=\"value[key('k', 'digest')]\" from=\"node[$f]\"/>"
            "</xsl:for-each><true/></xsl:template>"),
        XSL_OPEN " xmlns:a=\"urn:a\" exclude-result-prefixes=\"a\">"
                 "<xsl:template match=\"/\"><b xmlns:a=\"urn:b\" xsl:exclude-result-prefixes=\"a\">"
                 "<c xmlns:a=\"urn:c\"/></b></xsl:template></xsl:stylesheet>",
        XSL_OPEN " exclude-result-prefixes=\"xsl\">" TRUE "</xsl:stylesheet>",
        XSL("<xsl:key name=\"k\" match=\"*\" use=\"name()\"/><xsl:template match=\"/\">"
            "<xsl:for-each select=\"document('')\"><xsl:copy-of select=\"key('k', 'xsl:key')\"/>"
            "</xsl:for-each><true/></xsl:template>"),
        ROOT("<false><reason path=\"\"><xsl:value-of select=\"generate-id(//value)\"/></reason>"
             "</false>"),
        /* XML's own */
        "<!DOCTYPE a [<!ENTITY b \"<true/>\">]>" ROOT("&b;"),
        "<?xml-stylesheet href=\"/etc/passwd\"?>" ROOT("<true/>"),
        "",
        "<",
        "true",
};

/* Only memory stops these: not to be run without a limit. */
static const char *const memory_attacks[] = {
        XSL("<xsl:template match=\"/\" name=\"a\"><xsl:param name=\"v\" select=\"'0123456789'\"/>"
            "<xsl:choose><xsl:when test=\"string-length($v) &gt; 10000000000\">"
            "<xsl:if test=\"" HERE "\"><true/></xsl:if></xsl:when>"
            "<xsl:otherwise><xsl:call-template name=\"a\">"
            "<xsl:with-param name=\"v\" select=\"concat($v, $v)\"/></xsl:call-template>"
            "</xsl:otherwise></xsl:choose></xsl:template>"),
};

#endif
